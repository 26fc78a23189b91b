// Three programs come out of one build: the page with its I/O worker, the compute worker (a string
// inside the I/O worker, because it can only start from a blob within the sandbox), and the
// sandbox's document with its bootstrap inline, whose hash the server pins in a header.
// `--mode owner`, which comes first, builds the dashboard: apart, because volunteers would download
// more, and in more pieces, if the two pages shared chunks.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { build, type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const OUTPUT = resolve(import.meta.dirname, '../src/nitocris/_page');
const COMPUTE_SOURCE = 'virtual:compute-source';

/** Builds one entry as a self-contained classic script and returns its text. */
async function script(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: resolve(import.meta.dirname, entry), formats: ['iife'], name: 'nitocris' },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!output || !('output' in output)) throw new Error(`${entry} did not build`);
  return output.output[0].code.trim();
}

function computeSource(): Plugin {
  return {
    name: 'nitocris-compute-source',
    resolveId: (id) => (id === COMPUTE_SOURCE ? `\0${COMPUTE_SOURCE}` : null),
    async load(id) {
      if (id !== `\0${COMPUTE_SOURCE}`) return null;
      return `export default ${JSON.stringify(await script('src/sandbox/compute.worker.ts'))}`;
    },
  };
}

function sandboxDocument(): Plugin {
  return {
    name: 'nitocris-sandbox-document',
    apply: 'build',
    async generateBundle() {
      const source = await script('src/sandbox/bootstrap.ts');
      if (/<\/?script|<!--/i.test(source)) throw new Error('the bootstrap cannot be inlined');
      const template = readFileSync(resolve(import.meta.dirname, 'sandbox.html'), 'utf8');
      const html = template.replace('/*bootstrap*/', () => source);
      this.emitFile({ type: 'asset', fileName: 'sandbox.html', source: html });
    },
  };
}

/** Has the browser fetch what is seen beside what is not, though the one asks for the other. */
function preloadPage(): Plugin {
  return {
    name: 'nitocris-preload-page',
    transformIndexHtml: {
      order: 'post',
      handler(_html, { bundle }) {
        const page = Object.values(bundle ?? {}).find(({ name }) => name === 'page');
        if (!page) return [];
        const scripts = [page.fileName, ...('imports' in page ? page.imports : [])];
        const styles = Object.values(bundle ?? {}).filter(({ name }) => name === 'page.css');
        return [
          ...scripts.map((name) => ({ rel: 'modulepreload', href: `/${name}` })),
          ...styles.map(({ fileName }) => ({ rel: 'stylesheet', href: `/${fileName}` })),
        ].map((attrs) => ({ tag: 'link', attrs, injectTo: 'head' as const }));
      },
    },
  };
}

/** Empties the output except for `runtime/`, which costs seconds to compress anew. */
function keepRuntimes(): Plugin {
  return {
    name: 'nitocris-keep-runtimes',
    apply: 'build',
    buildStart() {
      if (!existsSync(OUTPUT)) return;
      for (const name of readdirSync(OUTPUT)) {
        if (name !== 'runtime') rmSync(resolve(OUTPUT, name), { recursive: true });
      }
    },
  };
}

export default defineConfig(({ mode }) => ({
  plugins:
    mode === 'owner'
      ? [react(), keepRuntimes()]
      : [react(), computeSource(), sandboxDocument(), preloadPage()],
  worker: { format: 'es', plugins: () => [computeSource()] },
  build: {
    outDir: OUTPUT,
    emptyOutDir: false,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: mode === 'owner' ? 'owner.html' : 'index.html' },
  },
  test: {
    environment: 'happy-dom',
    include: ['test/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
}));
