// Drives the page in a real browser as a person would, against the whole pipeline in one process, and leaves pictures.
//   UI_TEST_ARGS="CALYPSO_BINARY PICTURE_FOLDER [CHROMIUM]" node --test test/ui.mjs
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

const [binary, pictures, executablePath = "/usr/bin/chromium"] = (process.env.UI_TEST_ARGS ?? "").split(" ");
assert(binary && pictures, "UI_TEST_ARGS must hold: CALYPSO_BINARY PICTURE_FOLDER [CHROMIUM]");

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const data = mkdtempSync(join(tmpdir(), "calypso-ui-"));
const source = "pg-orders-source", sink = "adx-orders-sink";
let pipeline, browser, base;

/** Waits until something is so, for as long as a busy machine may need. */
async function until(what, ask, limit = 120_000) {
  const end = Date.now() + limit;
  for (;;) {
    const got = await ask().catch((e) => e);
    if (got && !(got instanceof Error)) return got;
    if (Date.now() > end) assert.fail(`${what} did not come: ${got}`);
    await new Promise((r) => setTimeout(r, 250));
  }
}

const rest = (path, options) => fetch(base + path, { ...options, headers: { "Content-Type": "application/json" } }).then(async (r) => (r.ok ? r.json() : Promise.reject(new Error(`${path}: ${r.status} ${await r.text()}`))));

before(async () => {
  mkdirSync(pictures, { recursive: true });
  let said = "";
  pipeline = spawn(binary, ["up", "--data", data, "--free-ports"], { stdio: ["ignore", "pipe", "pipe"] });
  pipeline.stdout.on("data", (d) => { said += d; });
  pipeline.stderr.on("data", (d) => { said += d; });
  base = await until("the pipeline", async () => said.match(/web page: (http:\S+?)\)/)?.[1]).catch((e) => { throw new Error(`${e.message}\n${said}`); });
  await until("a row in the target", async () => (await rest(`/v1/tables`)).tables.some((t) => t.target !== "" && t.heldAt === "HELD_AT_UNSPECIFIED"));
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
});

after(async () => {
  await browser?.close();
  pipeline?.kill("SIGTERM");
  await new Promise((r) => (pipeline?.exitCode === null ? pipeline.once("exit", r) : r()));
  rmSync(data, { recursive: true, force: true });
});

/** Opens a view. Whoever closes it learns of errors, and of requests to anybody else. */
async function open(path, { expected = /$^/, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (e) => problems.push(String(e)));
  page.on("console", (m) => { if (["error", "warning"].includes(m.type()) && !expected.test(m.text())) problems.push(m.text()); });
  page.on("request", (r) => { if (!r.url().startsWith(base)) problems.push(`asked ${r.url()}`); });
  await page.goto(`${base}/ui/${path}`);
  return { page, context, close: async () => { await context.close(); assert.deepEqual(problems, []); } };
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();

const views = [
  ["overview", "", "Overview"], ["tables", "tables", "Tables"], ["pipelines", "pipelines", "Pipelines"], ["pipeline", `pipelines/${source}`, source],
  ["table", `pipelines/${source}/tables/retail.orders_info`, "retail.orders_info"], ["connectors", "connectors", "Connectors"], ["connector", `connectors/${sink}`, sink],
  ["new", "new", "New connector"], ["workers", "workers", "Workers"], ["events", "events", "Events"],
];

for (const [name, path, title] of views) {
  test(`the view ${name} has no fault that axe knows, light and dark, narrow and wide`, async () => {
    for (const colorScheme of ["light", "dark"]) {
      const { page, close } = await open(path, { colorScheme });
      await heading(page, title);
      await page.waitForTimeout(1500); // what is asked for by the view comes
      for (const width of [360, 768, 1440]) {
        await page.setViewportSize({ width, height: 900 });
        // A tool of the developer's, which the page's own policy keeps out of the page.
        await page.evaluate(axe).catch(() => undefined);
        if (!(await page.evaluate(() => "axe" in globalThis))) {
          const session = await page.context().newCDPSession(page);
          await session.send("Runtime.evaluate", { expression: axe });
        }
        const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
        assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`), [], `${name} ${colorScheme} ${width}`);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${name} is wider than ${width}`);
        await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      }
      await close();
    }
  });
}

test("when all is well the overview says so, and when it last looked", async () => {
  const { page, close } = await open("");
  await page.getByText(/no table is late.*Looked at \d\d:\d\d:\d\d/s).waitFor({ timeout: 60_000 });
  await close();
});

test("a sink is paused and resumed by the keyboard alone, and the pipeline says so", async () => {
  // Whoever asks for a sink whose last task has just ended is told so.
  const { page, close } = await open(`connectors/${sink}`, { expected: /404/ });
  await heading(page, sink);
  const press = async (name, inside = page) => {
    const button = inside.getByRole("button", { name, exact: true }).first();
    await button.waitFor();
    for (let i = 0; i < 60 && !(await button.evaluate((b) => b === document.activeElement)); i++) await page.keyboard.press("Tab");
    assert(await button.evaluate((b) => b === document.activeElement), `Tab does not lead to ${name}`);
    await page.keyboard.press("Enter");
  };
  await press("Pause");
  await press("Pause", page.getByRole("dialog"));
  await page.getByRole("dialog").getByText("Done.").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.tagName !== "BODY"), true, "the focus is lost after the dialog");
  await page.getByRole("button", { name: "Resume", exact: true }).waitFor({ timeout: 60_000 });
  assert.equal((await rest(`/v1/connectors/${sink}/status`)).status.state, "STATE_PAUSED");
  await page.goto(`${base}/ui/pipelines/${source}`);
  await page.getByText("paused").first().waitFor();
  await page.goto(`${base}/ui/connectors/${sink}`);
  await press("Resume");
  await press("Resume", page.getByRole("dialog"));
  await page.getByRole("dialog").getByText("Done.").waitFor();
  await close();
  await until("the sink", async () => (await rest(`/v1/connectors/${sink}/status`)).status.state === "STATE_RUNNING");
});

test("what cannot be undone asks for the name first", async () => {
  const { page, close } = await open(`connectors/${sink}`);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  const dialog = page.getByRole("dialog");
  const button = dialog.getByRole("button", { name: "Delete", exact: true });
  assert.equal(await button.isDisabled(), true);
  await dialog.getByRole("textbox").fill(sink.slice(0, -1));
  assert.equal(await button.isDisabled(), true);
  await dialog.getByRole("textbox").fill(sink);
  assert.equal(await button.isDisabled(), false);
  await dialog.getByText("The same as a command").click();
  await dialog.getByText(`calypsoctl delete ${sink}`, { exact: true }).waitFor();
  await dialog.getByText(`curl -X DELETE ${base}/v1/connectors/${sink}`, { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await close();
});

test("a change of the configuration is planned, applied and rolled back", async () => {
  const { page, close } = await open(`connectors/${sink}`);
  const configuration = page.getByRole("region", { name: `Configuration of ${sink}` });
  const before = JSON.parse(await configuration.textContent());
  await page.locator("section", { has: page.getByRole("heading", { name: "Configuration", exact: true }) }).getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: `Configuration of ${sink}` }).fill(JSON.stringify({ ...before, "flush.interval.ms": "31000" }));
  await page.getByRole("button", { name: "Plan", exact: true }).click();
  await page.locator(".plan").getByText("31000").waitFor();
  await page.getByRole("button", { name: "Apply", exact: true }).click();
  await page.getByText(/^Applied\./).waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: /^Roll back to/ }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: /^Roll back to/ }).click();
  await page.getByRole("dialog").getByText("Done.").waitFor({ timeout: 60_000 });
  await page.keyboard.press("Escape");
  await close();
  assert.equal((await rest(`/v1/connectors/${sink}`)).connector.config["flush.interval.ms"], before["flush.interval.ms"]);
});

test("a filter is in the address, and stays over a reload", async () => {
  const { page, close } = await open("tables");
  await page.getByRole("searchbox").fill("nothing has this name");
  await page.getByText("No table matches.").waitFor();
  await page.reload();
  await page.getByText("No table matches.").waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "nothing has this name");
  await close();
});

test("names from outside are shown as text", async () => {
  const evil = `<img src=x onerror="document.title='owned'">`;
  const { page, context, close } = await open("workers");
  await context.route("**/v1/pipelines:watch*", (route) => route.fulfill({ contentType: "application/json", body: JSON.stringify({ result: {
    summaries: [{ source: evil, verdict: "VERDICT_BROKEN", reason: evil, state: "STATE_FAILED", sinks: [{ name: evil, state: "STATE_FAILED" }], tables: 1, lateTables: 1, lateSince: null, slotFullTime: null }], deleted: [], sequence: "1" } }) + "\n" }));
  await page.goto(`${base}/ui/pipelines`);
  await page.getByText(evil).first().waitFor();
  assert.equal(await page.locator("img").count(), 0);
  assert.notEqual(await page.title(), "owned");
  await close();
});

test("without news for ten seconds the page says that it is old, and goes on by itself", async () => {
  const { page, close } = await open("");
  await page.getByText(/no table is late/).waitFor({ timeout: 60_000 });
  // A process that is frozen keeps its connections, and says nothing.
  pipeline.kill("SIGSTOP");
  try {
    await page.getByRole("alert").waitFor({ timeout: 30_000 });
    assert.match(await page.getByRole("alert").textContent(), /No news since \d\d:\d\d:\d\d/);
    await page.screenshot({ path: join(pictures, "no-news.png") });
  } finally {
    pipeline.kill("SIGCONT");
  }
  await page.getByRole("alert").waitFor({ state: "detached", timeout: 120_000 });
  await close();
});

test("a thousand pipelines are shown without a long pause, and their changes too", async () => {
  const summary = (i, verdict) => ({ source: `source-${String(i).padStart(4, "0")}`, verdict, reason: "Changes flow.", state: "STATE_RUNNING", sinks: [{ name: `sink-${i}`, state: "STATE_RUNNING" }], tables: 20, lateTables: 0, lateSince: null, slotFullTime: null });
  const { page, close } = await open("workers");
  await page.addInitScript((first) => {
    globalThis.longest = 0;
    new PerformanceObserver((list) => { for (const e of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, e.duration); }).observe({ entryTypes: ["longtask"] });
    const real = fetch;
    globalThis.fetch = (url, options) => {
      if (!String(url).includes("pipelines:watch")) return real(url, options);
      let sequence = 1;
      const line = (summaries) => new TextEncoder().encode(JSON.stringify({ result: { summaries, deleted: [], sequence: String(sequence++) } }) + "\n");
      return Promise.resolve(new Response(new ReadableStream({ start(c) {
        c.enqueue(line(first));
        setInterval(() => c.enqueue(line([{ ...first[Math.floor(Math.random() * 1000)], verdict: Math.random() < 0.5 ? "VERDICT_HEALTHY" : "VERDICT_DEGRADED" }])), 20);
      } })));
    };
  }, Array.from({ length: 1000 }, (_, i) => summary(i, "VERDICT_HEALTHY")));
  await page.goto(`${base}/ui/pipelines`);
  await page.getByText("source-0000").waitFor();
  await page.waitForTimeout(5000);
  const { nodes, longest } = await page.evaluate(() => ({ nodes: document.querySelectorAll("*").length, longest: globalThis.longest }));
  console.log(`1000 pipelines with 50 changes a second: ${nodes} elements, longest task ${Math.round(longest)} ms`);
  assert(nodes <= 3000, `${nodes} elements`);
  await close();
});
