import * as v from 'valibot';
import { text } from '../lib/schema.ts';

/** https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax */
const cronFields =
  /^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|([\d*/,-]+ +){3}([\d*/,-]|[A-Z]{3})+ +([\d*/,-]|[A-Z]{3})+)$/i;

export const cronSchedule = () =>
  text('five cron fields such as "0 2 * * 0", or @weekly and the like', cronFields);

/** IANA time zone of a schedule. */
export const timeZone = () =>
  v.pipe(v.string('a time zone'), v.check(isTimeZone, 'an IANA time zone such as Etc/UTC or Europe/Berlin'));

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Z]/.test(name);
  } catch {
    return false;
  }
}
