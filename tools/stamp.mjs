// Run in the directory of a page, it writes dist/sources.sha256, the hash of what the page is built from: by it a test tells,
// without Node, whether the built page that is committed is current.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const sources = ["index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts",
  ...readdirSync("src").map((name) => `src/${name}`)].sort();
const hash = createHash("sha256");
for (const path of sources) hash.update(`${path}\0`).update(readFileSync(path)).update("\0");
writeFileSync("dist/sources.sha256", hash.digest("hex") + "\n");
