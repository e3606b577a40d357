// node run_wasi.mjs PROGRAM.wasm DIR [ARG...]
// Runs a wasm32-wasi program that may read DIR and nothing else; exits with its exit code.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const [program, dir, ...args] = process.argv.slice(2);
if (!program || !dir) {
  console.error('usage: node run_wasi.mjs PROGRAM.wasm DIR [ARG...]');
  process.exit(2);
}
const wasi = new WASI({
  version: 'preview1',
  args: [program, ...args],
  preopens: { [dir]: dir },
  returnOnExit: true,
});
const module = await WebAssembly.compile(await readFile(program));
const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport });
process.exitCode = wasi.start(instance);
