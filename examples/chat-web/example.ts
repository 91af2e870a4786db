/** A room by three doors: a page in a browser, a client over gRPC, and curl. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type Page } from 'playwright-core';
import { startBrowser } from '../kit/browser.js';
import { Cable } from '../kit/cable.js';
import { GatewayProcess } from '../kit/gateway-process.js';
import { Report } from '../kit/report.js';
import type { ExampleOptions } from '../run.js';
import { followByCurl, sayByCurl } from './curl.js';
import { Listener } from './listener.js';
import { PageServer } from './page-server.js';
import { PRACTICE, TALK, type Voice } from './talk.js';

export const about =
  'a page, a gRPC client and curl in one room: all see all lines, in one order, over a cut';

const ROOM = 'harbour';
/** Longer than a busy machine takes. */
const PATIENCE_MS = 30_000;

export async function run({ short, pictures }: ExampleOptions): Promise<void> {
  const report = new Report();
  await using pages = await PageServer.start();
  await using gateway = await GatewayProcess.start({
    config: join(import.meta.dirname, 'gateway.yaml'),
    flags: [
      ...['--server.listen', '127.0.0.1:0', '--admin.listen', '127.0.0.1:0', '--edge.listen', '127.0.0.1:0'],
      ...['--edge.origins', pages.origin],
    ],
  });
  using cable = await Cable.to(gateway.edge);
  report.say(
    `a gateway with gRPC at ${gateway.address} and HTTP at ${gateway.edge}; the page at ${pages.origin}`,
  );

  await using browser = await startBrowser();
  const page = await openPage(browser, pages.urlOf(ROOM, 'ann', `ws://${cable.address}`));
  await using heard = await Listener.in(ROOM, gateway.address);
  const voices: Readonly<Record<Voice, (text: string) => Promise<void>>> = {
    ann: (text) => sayInPage(page, text),
    bert: (text) => heard.say(text),
    harbourmaster: (text) => sayByCurl(gateway.edge, ROOM, text),
  };
  const said: string[] = [];
  const say = async (who: Voice, text: string): Promise<void> => {
    said.push(`${who}: ${text}`);
    await voices[who](text);
    await heard.until(said.length);
  };

  report.say('ann types in the page, bert speaks over gRPC, the harbourmaster with curl');
  for (const [who, text] of TALK.slice(0, -2)) await say(who, text);

  cable.cut();
  await page.locator('#state[data-state=reconnecting]').waitFor();
  report.say("ann's network is gone: the page says so, and she types on");
  const [whileAway, inTheEnd] = TALK.slice(-2);
  if (whileAway === undefined || inTheEnd === undefined) throw new Error('the talk is too short');
  said.push(`${whileAway[0]}: ${whileAway[1]}`);
  await voices[whileAway[0]](whileAway[1]);
  await heard.until(said.length);
  await sayInPage(page, inTheEnd[1]);
  said.push(`${inTheEnd[0]}: ${inTheEnd[1]}`);
  cable.mend();
  await page.locator('#state[data-state=resumed]').waitFor({ timeout: PATIENCE_MS });
  await heard.until(said.length);
  report.say('it is back, and so is what was said');

  await linesOf(page, said.length);
  const pictured = await takePictures(page, pictures);
  report.say(`the pictures: ${pictured.join(', ')}`);
  for (const text of PRACTICE.slice(0, short ? 30 : undefined)) {
    for (const who of ['ann', 'bert', 'harbourmaster'] as const) await say(who, text);
  }

  const seen = await linesOf(page, said.length);
  report.prove('the page shows every line, in the order of the room', same(seen, said), figure(seen, said));
  report.prove(
    'the gRPC client has every line, in the same order',
    same(heard.lines, said),
    figure(heard.lines, said),
  );
  const texts = said.map((line) => line.replace(/^\w+: /, ''));
  const followed = await followByCurl(gateway.edge, ROOM, texts.length);
  report.prove(
    'curl follows every line as server-sent events, in the same order',
    same(followed, texts),
    figure(followed, texts),
  );
  const notes = await page.locator('.note').count();
  report.prove('the cut cost the page nothing', notes === 0, `${notes} notes of something lost`);
  report.end();
}

async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 900, height: 720 }, colorScheme: 'light' });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  await page.locator('#state[data-state=connected]').waitFor();
  return page;
}

async function sayInPage(page: Page, text: string): Promise<void> {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

async function linesOf(page: Page, count: number): Promise<readonly string[]> {
  await page
    .locator('.line')
    .nth(count - 1)
    .waitFor();
  return await page.locator('.line').evaluateAll((items) =>
    items.map((item) => {
      const who = item.querySelector('.from')?.firstChild?.textContent ?? '';
      return `${who === 'You' ? 'ann' : who}: ${item.querySelector('.said')?.textContent ?? ''}`;
    }),
  );
}

async function takePictures(page: Page, folder: string): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  const wide = join(folder, 'chat-web.png');
  const dark = join(folder, 'chat-web-dark.png');
  await page.screenshot({ path: wide });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 390, height: 720 });
  await page.locator('.line').last().scrollIntoViewIfNeeded();
  await page.screenshot({ path: dark });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 900, height: 720 });
  return [wide, dark];
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((line, index) => line === others[index]);
}

function figure(seen: readonly string[], said: readonly string[]): string {
  const wrong = said.findIndex((line, index) => line !== seen[index]);
  const first =
    wrong < 0
      ? ''
      : `; the first that differs: ${seen[wrong] ?? 'none'}, where ${said[wrong] ?? ''} was said`;
  return `${seen.length} of ${said.length} lines${first}`;
}
