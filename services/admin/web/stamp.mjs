// Writes dist/sources.sha256, the hash of what the page is built from: a test tells by it, without Node, whether the built
// page that is committed is current.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const sources = ["index.html", "package-lock.json", "package.json", "stamp.mjs", "tsconfig.json", "vite.config.ts",
  ...readdirSync("src").map((name) => `src/${name}`)].sort();
const hash = createHash("sha256");
for (const path of sources) hash.update(`${path}\0`).update(readFileSync(path)).update("\0");
writeFileSync("dist/sources.sha256", hash.digest("hex") + "\n");
