// A real browser: Debian's Chromium, driven by playwright-core.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Page, chromium } from 'playwright-core';
import { nodeAddress } from '../../../tools/cluster/index.ts';
import { logDir } from '../../../tools/lib/plan.ts';
import type { Credentials } from './mlflow.ts';
import { instance } from './stack.ts';

/**
 * Opens a page of a browser that finds every example host at the cluster's entry, and trusts any certificate. With
 * credentials it answers when a server asks for them, as a person would.
 */
export async function browse<T>(
  action: (page: Page) => Promise<T>,
  httpCredentials?: Credentials,
): Promise<T> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--no-proxy-server',
      `--host-resolver-rules=MAP *.example.com ${nodeAddress(instance)}`,
    ],
  });
  try {
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      viewport: { width: 1280, height: 800 },
      ...(httpCredentials && { httpCredentials }),
    });
    return await action(await context.newPage());
  } finally {
    await browser.close();
  }
}

/** Keeps a picture of what a person would see, beside the logs of the test run. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = join(logDir(instance), 'screenshots');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
