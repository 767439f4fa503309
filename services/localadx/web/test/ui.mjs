// Drives the page in a real Chromium as a person would, against a real localadx with orders in it, and leaves pictures.
//   node test/ui.mjs LOCALADX_BINARY PICTURE_FOLDER [CHROMIUM]
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

const [binary, pictures, executablePath = "/usr/bin/chromium"] = (process.env.UI_TEST_ARGS ?? "").split(" ");
assert(binary && pictures, "UI_TEST_ARGS must hold: LOCALADX_BINARY PICTURE_FOLDER [CHROMIUM]");

const examples = new URL("../../../../examples/orders/", import.meta.url);
const cities = ["New Delhi", "Seattle", "New York", "Austin", "Chicago", "Cleveland"];
const data = mkdtempSync(join(tmpdir(), "localadx-ui-"));
let server, browser, base;

const freePort = () => new Promise((resolve) => {
  const probe = createServer().listen(0, "127.0.0.1", () => { const { port } = probe.address(); probe.close(() => resolve(port)); });
});

async function command(csl) {
  const response = await fetch(`${base}/v1/rest/mgmt`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ db: "shop", csl }),
  });
  assert.equal(response.status, 200, await response.text());
}

before(async () => {
  mkdirSync(pictures, { recursive: true });
  const [http, https] = [await freePort(), await freePort()];
  base = `http://localhost:${http}`;
  server = spawn(binary, ["-http", `localhost:${http}`, "-https", `localhost:${https}`, "-data", data, "-database", "shop"], { stdio: "ignore" });
  for (let i = 0; i < 100; i++) {
    if (await fetch(`${base}/health`).then((r) => r.ok, () => false)) break;
    await new Promise((r) => setTimeout(r, 100));
  }
  const kql = readFileSync(new URL("orders.kql", examples), "utf8");
  for (const block of kql.split(/\n\s*\n/)) if (block.startsWith(".")) await command(block);
  const rows = Array.from({ length: 600 }, (_, i) => {
    const time = new Date(Date.UTC(2020, 9, 9, 0, 0, i * 137)).toISOString().slice(0, 19).replace("T", " ");
    return `${i + 1},${i % 97},${cities[(i * 7 + Math.floor(i / 11)) % 6]},${100 + (i * 7) % 100},${time}`;
  });
  await command(`.ingest inline into table Orders <|\n${rows.join("\n")}`);
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
});

after(async () => {
  await browser?.close();
  server?.kill("SIGKILL");
  rmSync(data, { recursive: true, force: true });
});

async function open(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light", acceptDownloads: true, ...options });
  const page = await context.newPage();
  await page.addInitScript(keepTexts);
  const problems = [];
  page.on("pageerror", (e) => problems.push(String(e)));
  page.on("console", (m) => { if (m.type() === "error" && !m.text().includes("400")) problems.push(m.text()); });
  page.on("request", (r) => { if (!r.url().startsWith(base) && !r.url().startsWith("data:") && !r.url().startsWith("blob:")) problems.push(`asked ${r.url()}`); });
  await page.goto(`${base}/${path}`);
  return { page, close: async () => { await context.close(); assert.deepEqual(problems, []); } };
}

const at = (text, more = "") => `#/query?db=shop&q=${encodeURIComponent(text)}${more}`;

/** Keeps the boxes of the texts that charts draw, by canvas, in pixels of the canvas: what is drawn on one cannot be read from it. */
function keepTexts() {
  const draw = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...rest) {
    const size = this.measureText(text);
    const corners = [[-size.actualBoundingBoxLeft, -size.actualBoundingBoxAscent], [size.actualBoundingBoxRight, size.actualBoundingBoxDescent]]
      .map(([dx, dy]) => this.getTransform().transformPoint({ x: x + dx, y: y + dy }));
    const [left, right] = [Math.min(corners[0].x, corners[1].x), Math.max(corners[0].x, corners[1].x)];
    const [top, bottom] = [Math.min(corners[0].y, corners[1].y), Math.max(corners[0].y, corners[1].y)];
    const slanted = this.getTransform().b !== 0;
    (this.canvas.texts ??= []).push({ text, left, right, top, bottom, slanted });
    return draw.call(this, text, x, y, ...rest);
  };
}

/** The texts of a chart; each once, however often it was drawn there. */
const textsOf = (canvas) => canvas.evaluate((c) => [...new Map((c.texts ?? []).map((t) => [JSON.stringify(t), t])).values()]);

function assertApart(texts) {
  const straight = texts.filter((t) => !t.slanted); // the box of a slanted text is larger than the text
  for (const [i, a] of straight.entries()) for (const b of straight.slice(i + 1)) {
    const over = a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    assert(!over, `"${a.text}" and "${b.text}" are drawn over each other: ${JSON.stringify([a, b])}`);
  }
}

/** The colour beside each name of a chart's legend. */
const legendOf = (canvas, names) => canvas.evaluate((c, wanted) => Object.fromEntries(wanted.map((name) => {
  const at = c.texts?.find((t) => t.text === name);
  return [name, at && [...c.getContext("2d").getImageData(at.left - 16 * devicePixelRatio, (at.top + at.bottom) / 2, 1, 1).data].join()];
})), names);

/** The names of a chart's bars in the order in which they stand: from left to right, or from top to bottom. */
const orderOf = async (canvas, names) => {
  const drawn = (await textsOf(canvas)).filter((t) => names.includes(t.text));
  const spread = (a, b) => Math.max(...drawn.map((t) => t[b])) - Math.min(...drawn.map((t) => t[a]));
  const side = spread("left", "left") > spread("top", "top") ? "left" : "top";
  return [...new Set(drawn.sort((a, b) => a[side] - b[side]).map((t) => t.text))];
};

async function runQuery(page) {
  await page.getByRole("button", { name: "Run" }).click();
  await page.locator('.result[data-state="done"], .result[data-state="failed"]').waitFor();
}

test("a query in the address is run with Shift+Enter and shown as a table", async () => {
  const { page, close } = await open(at("Orders | where city == 'New York' | sort by amount | project orderid, city, amount"));
  await page.locator(".cm-content").click();
  await page.keyboard.press("Shift+Enter");
  await page.locator(".rows tbody tr").nth(3).waitFor();
  assert.deepEqual(await page.locator(".rows th button").allTextContents(), ["orderid", "city", "amount"]);
  await page.getByRole("button", { name: "orderid" }).click();
  await page.screenshot({ path: join(pictures, "table.png") });
  await close();
});

for (const [name, text] of Object.entries({
  columnchart: "Orders | summarize avg(amount) by city | render columnchart",
  barchart: "Orders | summarize avg(amount) by city | render barchart",
  piechart: "Orders | summarize sum(amount) by city | render piechart",
  linechart: "Orders | summarize count() by city | render linechart",
  timechart: "Orders | extend hour = floor(purchase_time % 1d, 10m) | summarize event_count=count() by hour | sort by hour asc | render timechart",
  timechartBySeries: "Orders | summarize count() by bin(purchase_time, 1h), city | render timechart",
  areachart: "Orders | summarize count() by bin(purchase_time, 1h) | render areachart",
  stackedareachart: "Orders | summarize count() by bin(purchase_time, 2h), city | render stackedareachart",
  scatterchart: "Orders | project todouble(custid), amount | render scatterchart",
  card: "Orders | summarize orders = count(), total = sum(amount) | render card",
})) {
  test(`render ${name} draws a picture`, async () => {
    const { page, close } = await open(at(text));
    await runQuery(page);
    await page.locator(name === "card" ? ".card" : '.chart[data-drawn="true"] canvas').first().waitFor();
    await page.screenshot({ path: join(pictures, `${name}.png`) });
    if (name !== "card") assertApart(await textsOf(page.locator(".chart canvas").first()));
    await close();
  });
}

for (const kind of ["anomalychart", "ladderchart", "pivotchart", "timepivot", "treemap"]) {
  test(`render ${kind}, which the page does not draw, says so beside the table`, async () => {
    const { page, close } = await open(at(`Orders | summarize count() by city | render ${kind}`));
    await runQuery(page);
    await page.getByRole("status").filter({ hasText: `This page does not draw a ${kind}; here is the table.` }).waitFor();
    await page.locator(".rows tbody tr").nth(cities.length - 1).waitFor();
    await close();
  });
}

for (const [name, span] of Object.entries({ seconds: "7s", minutes: "11m", hours: "5h", days: "9d", months: "100d", years: "900d" })) {
  test(`the labels of a time axis over ${name} stand apart`, async () => {
    for (const width of [1280, 640]) {
      const { page, close } = await open(at(`range i from 0 to 9 step 1 | project t = datetime(2020-10-09 01:02:03) + i * ${span}, i | render timechart`),
        { viewport: { width, height: 800 } });
      await runQuery(page);
      const canvas = page.locator('.chart[data-drawn="true"] canvas').first();
      await canvas.waitFor();
      const texts = await textsOf(canvas);
      assert(texts.filter((t) => /^\d{4}-\d\d-\d\d$/.test(t.text)).length >= 2, JSON.stringify(texts));
      assertApart(texts);
      const clock = texts.map((t) => t.text).filter((t) => /^\d\d:\d\d:\d\d$/.test(t));
      assert(clock.every((t) => /:[0-5]0$/.test(t)), `ticks at odd seconds: ${clock}`);
      if (width === 1280) await page.screenshot({ path: join(pictures, `axis-${name}.png`) });
      await close();
    }
  });
}

test("a wrong column is marked in the editor and refused with its place", async () => {
  const { page, close } = await open(at("Orders\n| where ctiy == 'Austin'"));
  await page.locator(".cm-lintRange-error").first().waitFor();
  await runQuery(page);
  const refusal = await page.getByRole("alert").textContent();
  assert.match(refusal, /ctiy/);
  await page.screenshot({ path: join(pictures, "error.png") });
  await close();
});

test("columns of the table are completed after where", async () => {
  const { page, close } = await open(at("Orders\n| where pur"));
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Control+Space");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "purchase_time" }).waitFor();
  await page.screenshot({ path: join(pictures, "completion.png") });
  await close();
});

test("a result is exported as CSV and its address brings the query back", async () => {
  const { page, close } = await open(at("Orders | summarize orders = count() by city | sort by city asc"));
  await runQuery(page);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export CSV" }).click()]);
  const lines = readFileSync(await download.path(), "utf8").trim().split("\r\n");
  assert.equal(lines[0], "city,orders");
  assert.equal(lines.length, 1 + cities.length);
  assert.equal(lines.slice(1).reduce((n, l) => n + Number(l.split(",")[1]), 0), 600);
  await page.reload();
  await page.locator(".cm-content", { hasText: "summarize orders" }).waitFor();
  await close();
});

test("times follow the chosen zone", async () => {
  const { page, close } = await open(at("Orders | where orderid == '1' | project purchase_time"), { timezoneId: "Asia/Kolkata" });
  await runQuery(page);
  assert.match(await page.locator(".rows tbody").textContent(), /2020-10-09 00:00:00/);
  await page.getByLabel("Time zone").selectOption("local");
  await page.locator(".rows tbody", { hasText: "2020-10-09 05:30:00" }).waitFor();
  await close();
});

test("the schema tree shows tables with their columns and starts a query", async () => {
  const { page, close } = await open("#/query?db=shop&q=%20");
  const tree = page.getByRole("navigation", { name: "Schema" });
  await tree.getByText("Orders").click();
  await tree.getByText("purchase_time").waitFor();
  await tree.getByRole("button", { name: "Query Orders" }).click();
  await runQuery(page);
  assert.match(await page.locator(".result .note").first().textContent(), /100 rows/);
  await close();
});

for (const scheme of ["light", "dark"]) {
  test(`the dashboard shows the seven tiles in ${scheme}`, async () => {
    const { page, close } = await open("#/dashboard?db=shop&refresh=2", { colorScheme: scheme, viewport: { width: 1440, height: 1200 } });
    await page.locator(".tile .rows").nth(1).waitFor();
    await page.locator('.tile .chart[data-drawn="true"] canvas').nth(4).waitFor();
    assert.equal(await page.locator(".tile").count(), 7);
    await page.screenshot({ path: join(pictures, `dashboard-${scheme}.png`), fullPage: true });
    if (scheme === "light") {
      await command(".ingest inline into table Orders <| 9001,1,Austin,999,2020-10-09 10:00:00");
      await page.locator(".tile td", { hasText: "999" }).waitFor({ timeout: 15000 }); // the refresh brings it
      await command(".ingest inline into table Orders <| 9003,1,New York,998,2020-10-11 00:00:00");
      await page.locator(".tile", { hasText: "Orders of New York" }).locator("tbody tr[aria-rowindex='2'] td", { hasText: "998" })
        .waitFor({ timeout: 15000 }); // the newest are at the top, where they are in sight
    }
    await close();
  });
}

test("the ingestion page shows tables, extents and failures", async () => {
  const { page, close } = await open("#/ingestion?db=shop");
  await page.getByRole("region", { name: "Tables" }).getByText("Orders").waitFor();
  await page.screenshot({ path: join(pictures, "ingestion.png") });
  await close();
});

test("every control can be reached by the keyboard", async () => {
  const { page, close } = await open(at("Orders | count"));
  await page.locator(".tree details").first().waitFor();
  await page.locator("header a").first().focus();
  const seen = new Set();
  for (let i = 0; i < 12; i++) {
    seen.add(await page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? ""));
    await page.keyboard.press("Tab");
  }
  for (const wanted of ["Query", "Dashboard", "Ingestion", "Database", "Time zone"]) assert(seen.has(wanted), `${wanted} in ${[...seen]}`);
  await close();
});

test("bars keep their order when a refresh brings another row and another bar", async () => {
  const { page, close } = await open("#/dashboard?db=shop&refresh=2", { viewport: { width: 1440, height: 1200 } });
  const bars = page.locator(".tile", { hasText: "Average amount by city" }).locator('.chart[data-drawn="true"] canvas').first();
  await bars.waitFor();
  const before = await orderOf(bars, cities);
  assert.deepEqual(before, [...cities].sort());
  const old = await bars.elementHandle();
  await command(".ingest inline into table Orders <| 9004,1,Seattle,99999,2020-10-09 00:00:02\n9005,1,Bonn,1,2020-10-09 00:00:03");
  await page.waitForFunction((c) => !c.isConnected, old);
  await page.waitForFunction(() => [...document.querySelectorAll(".tile canvas")].some((c) => c.texts?.some((t) => t.text === "Bonn")));
  await bars.waitFor();
  assert.deepEqual(await orderOf(bars, [...cities, "Bonn"]), [...cities, "Bonn"].sort());
  await close();
});

test("names keep their colours when a refresh brings others and another order", async () => {
  const { page, close } = await open("#/dashboard?db=shop&refresh=2", { viewport: { width: 1440, height: 1200 } });
  const tile = (title) => page.locator(".tile", { hasText: title }).locator('.chart[data-drawn="true"] canvas');
  const charts = ["Total amount by city", "The same for some cities"];
  const colours = async () => {
    for (const title of charts) await tile(title).first().waitFor();
    return Promise.all(charts.map((title) => legendOf(tile(title).first(), cities)));
  };
  const before = await colours();
  assert.equal(new Set(Object.values(before[0])).size, cities.length, JSON.stringify(before));
  assert.deepEqual(before[1], before[0]);
  const old = await tile(charts[0]).first().elementHandle();
  await command(".ingest inline into table Orders <| 9002,1,Aachen,99999,2020-10-09 00:00:01");
  await page.waitForFunction(() => [...document.querySelectorAll(".tile canvas")].some((c) => c.texts?.some((t) => t.text === "Aachen")));
  await page.waitForFunction((c) => !c.isConnected, old);
  assert.deepEqual(await colours(), before);
  await close();
});
