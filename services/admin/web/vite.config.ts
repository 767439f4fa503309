import { defineConfig } from "vite";

// The page is embedded in admin's binary and served under /ui/: no address of any other host. Names carry a hash of what
// is in the file, so that browsers may keep them for good, and a rebuild with nothing changed gives the same names.
export default defineConfig({
  base: "/ui/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/v1": "http://localhost:8083", "/connectors": "http://localhost:8083" } },
});
