import { appendFileSync, createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { Listr, type ListrTask } from 'listr2';
import type { Step } from './step.ts';

/** Steps that belong together under one title: one after the other, or at the same time. */
export interface Group {
  readonly title: string;
  readonly concurrent?: boolean;
  readonly steps: readonly (Step | Group)[];
}

export interface RunOptions {
  /** Folder of the log files, one per step. */
  readonly logDir: string;
  /** Aborted when the user interrupts: no further step starts, running ones are told. */
  readonly signal: AbortSignal;
  /** Where progress goes; standard error by default, so that results on standard output stay clean. */
  readonly output?: NodeJS.WriteStream;
}

/** A step that did not work: says in one sentence what happened and where everything is written down. */
export class StepError extends Error {
  constructor(title: string, cause: unknown, lastLines: string, logFile: string) {
    super(`${title} failed: ${sentence(cause)}\n${lastLines}The whole log: ${logFile}`, { cause });
    this.name = 'StepError';
  }
}

const HEARTBEAT_SECONDS = 30;
/** Steps done within this time leave one line instead of two in plain output. */
const QUIET_SECONDS = 0.9;

/** Runs the steps and groups in order; a live list on a terminal, plain lines elsewhere. Throws the first StepError. */
export async function runSteps(steps: readonly (Step | Group)[], options: RunOptions): Promise<void> {
  const output = options.output ?? process.stderr;
  const live = output.isTTY && process.env.TERM !== 'dumb';
  mkdirSync(options.logDir, { recursive: true });
  // One failing step stops those that run beside it.
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const running: Promise<void>[] = [];
  let number = 0;

  const toTask = (step: Step | Group): ListrTask => {
    if ('steps' in step) {
      // Made now, not when the group's turn comes: the numbers of the logs follow the order of the steps.
      const tasks = step.steps.map(toTask);
      return {
        title: step.title,
        task: (_, task) => task.newListr(tasks, { concurrent: step.concurrent ?? false }),
      };
    }
    number += 1;
    const logFile = join(options.logDir, `${String(number).padStart(2, '0')}-${slug(step.title)}.log`);
    return {
      title: step.title,
      task: (_, task) => {
        signal.throwIfAborted();
        const show: Display = live ? liveDisplay(step, task) : plainDisplay(step, output);
        const work = runStep(step, logFile, signal, show);
        running.push(work.catch((error: unknown) => failure.abort(error)));
        return work;
      },
    };
  };

  const tasks = steps.map(toTask);
  try {
    if (live)
      await new Listr(tasks, {
        registerSignalListeners: false,
        // The error is told once, at the end.
        rendererOptions: { collapseSubtasks: false, showErrorMessage: false },
      }).run();
    else await new Listr(tasks, { registerSignalListeners: false, renderer: 'silent' }).run();
  } catch (error) {
    await Promise.all(running);
    options.signal.throwIfAborted();
    throw failure.signal.aborted ? failure.signal.reason : error;
  }
}

interface Display {
  /** Called once a second while the step runs. */
  tick(seconds: number): void;
  report(text: string): void;
  end(seconds: number, ok: boolean): void;
}

async function runStep(step: Step, logFile: string, signal: AbortSignal, display: Display): Promise<void> {
  const log = createWriteStream(logFile);
  // Child processes write to the file directly, which needs an open descriptor.
  await once(log, 'open');
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const timer = setInterval(() => display.tick(seconds()), 1000);
  let failed: { cause: unknown } | undefined;
  try {
    display.tick(0);
    await step.run({ log, signal, report: (text) => display.report(text) });
    signal.throwIfAborted();
  } catch (cause) {
    failed = { cause };
  } finally {
    clearInterval(timer);
    log.end();
    await finished(log).catch(() => undefined);
    display.end(seconds(), failed === undefined);
  }
  if (failed === undefined) return;
  const { cause } = failed;
  const error = new StepError(step.title, cause, tail(logFile), logFile);
  appendFileSync(logFile, `\n${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`);
  throw error;
}

function liveDisplay(step: Step, task: { title: string; output: string }): Display {
  const set = (text: string) => (task.title = `${step.title} ${text}`.trimEnd());
  return {
    tick: (seconds) =>
      set([seconds >= QUIET_SECONDS ? duration(seconds) : '', estimate(step)].join(' ').trim()),
    report: (text) => (task.output = text),
    end: (seconds) => set(seconds >= QUIET_SECONDS ? duration(seconds) : ''),
  };
}

function plainDisplay(step: Step, output: NodeJS.WritableStream): Display {
  let announced = false;
  let latest = '';
  let nextBeat = HEARTBEAT_SECONDS;
  const line = (text: string) => output.write(`${text}\n`);
  return {
    tick(seconds) {
      if (!announced && seconds >= QUIET_SECONDS) {
        line(`start  ${step.title} ${estimate(step)}`.trimEnd());
        announced = true;
      }
      if (seconds >= nextBeat) {
        line(`...    ${step.title} ${duration(seconds)}${latest && `, ${latest}`}`);
        nextBeat += HEARTBEAT_SECONDS;
      }
    },
    report: (text) => (latest = text),
    end: (seconds, ok) =>
      line(`${ok ? 'done ' : 'FAILED'}${ok ? '  ' : ' '}${step.title} ${duration(seconds)}`),
  };
}

/** '0.4 s', '42 s', '6 min 5 s' */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function estimate(step: Step): string {
  if (step.estimate === undefined || step.estimate < 20) return '';
  return step.estimate < 90 ? `(about ${step.estimate} s)` : `(about ${Math.round(step.estimate / 60)} min)`;
}

function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60);
}

/** What a person needs of an error; execa's messages carry all output, which is in the log already. */
export function sentence(error: unknown): string {
  if (error instanceof Error) return 'shortMessage' in error ? String(error.shortMessage) : error.message;
  return String(error);
}

/** The last lines of a log, indented. */
function tail(file: string): string {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /\w/.test(line));
  return lines
    .slice(-6)
    .map((line) => `  ${line.slice(0, 300)}\n`)
    .join('');
}
