import { defineConfig } from "vite";

// The page is embedded in the localadx binary: relative paths, no address of any other host, and fixed file names so
// that a rebuild with nothing changed gives the same bytes.
export default defineConfig({
  base: "./",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    chunkSizeWarningLimit: 2000,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  server: { proxy: { "/v1": "http://localhost:8082", "/v2": "http://localhost:8082" } },
});
