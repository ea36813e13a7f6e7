import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const board = process.env["ML_BOARD"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  // Relative paths: the board is served from any prefix, and the same input gives the same bytes.
  base: "./",
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../static",
    emptyOutDir: true,
    // The page and the header share the icon: inlining it in one of them would hang on which is built first.
    assetsInlineLimit: 0,
    sourcemap: false,
    chunkSizeWarningLimit: 600,
    license: { fileName: "licenses.md" },
  },
  server: {
    proxy: {
      "/api": board,
      "/checkpoints": board,
      "/socket.io": { target: board, ws: true },
    },
  },
  test: {
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});
