// Reads the page in a real browser for tests in other languages: each line of the input is the path of a view, and the line that
// answers it is, as JSON, the text that a person sees there. The overview stays open, as on a wall; others are opened to be read.
//   node test/read.mjs BASE_URL [CHROMIUM]
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

const [base, executablePath = "/usr/bin/chromium"] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
const wall = await browser.newPage({ viewport: { width: 1440, height: 900 } });
await wall.goto(`${base}/ui/`);

const text = (page) => page.evaluate(() => document.body.innerText);

async function read(path) {
  if (path === "") return text(wall);
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  try {
    await page.goto(`${base}/ui/${path}`);
    await page.locator(".checks, .well").first().waitFor({ timeout: 10_000 }).catch(() => undefined); // what is there then is read
    return await text(page);
  } finally {
    await page.close();
  }
}

for await (const path of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await read(path).catch((e) => `the page cannot be read: ${e.message}`)));
}
await browser.close();
