/**
 * The WebAssembly module and its memory: what the classes of dualpath.js are written on.
 */

const FIRST_PAGES = 256;
const MOST_PAGES = 32768; // 2 GiB, as the module was linked

/** A call of the library that failed: `status` is the name of a dp_status. */
export class DualPathError extends Error {
  /** @param {string} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.name = "DualPathError";
    this.status = status;
  }
}

/** Whether this page may have threads: its server sends COOP and COEP headers. */
export function canHaveThreads() {
  return typeof SharedArrayBuffer !== "undefined" && globalThis.crossOriginIsolated === true;
}

async function readModule(url) {
  if (url.protocol === "file:" && globalThis.process?.versions?.node) {
    const files = await import("node:fs/promises");
    return WebAssembly.compile(await files.readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) {
    throw new DualPathError("DP_ERR_IO", `${url}: the server answers ${response.status}`);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}

export class Engine {
  constructor(wasm, memory, threads) {
    /** Calls of shim.c and dualpath.h, with a leading underscore. */
    this.wasm = wasm;
    this.memory = memory;
    /** How many threads a session may have. */
    this.threads = threads;
    this.version = this.text(wasm._dp_version_string());
    this.freed = new FinalizationRegistry(({ free, pointer }) => free(pointer));
  }

  /** @param {{threads?: number}} options */
  static async load({ threads = 1 } = {}) {
    if (!Number.isInteger(threads) || threads < 1 || threads > 64) {
      throw new RangeError(`threads is ${threads}, expected 1 .. 64`);
    }
    if (threads > 1 && !canHaveThreads()) {
      throw new DualPathError(
        "DP_ERR_THREAD",
        "threads need a page that is cross-origin isolated (headers COOP and COEP of its server)",
      );
    }
    const variant = threads > 1 ? "threads" : "single";
    const module = await readModule(new URL(`./${variant}.wasm`, import.meta.url));
    const memory = new WebAssembly.Memory({
      initial: FIRST_PAGES,
      maximum: MOST_PAGES,
      shared: threads > 1,
    });
    const factory = (await import(`./${variant}.mjs`)).default;
    const wasm = await factory({
      wasmMemory: memory,
      workers: threads - 1,
      instantiateWasm(imports, done) {
        WebAssembly.instantiate(module, imports).then((instance) => done(instance, module));
        return {};
      },
    });
    return new Engine(wasm, memory, threads);
  }

  /** Bytes of WebAssembly memory: it grows, and never shrinks. */
  get memoryBytes() {
    return this.memory.buffer.byteLength;
  }

  text(pointer) {
    const bytes = new Uint8Array(this.memory.buffer);
    return new TextDecoder().decode(bytes.slice(pointer, bytes.indexOf(0, pointer)));
  }

  floats(pointer, count) {
    return pointer ? new Float32Array(this.memory.buffer, pointer, count).slice() : null;
  }

  words(pointer, count) {
    return Array.from(new Int32Array(this.memory.buffer, pointer, count));
  }

  doubles(pointer, count) {
    return Array.from(new Float64Array(this.memory.buffer, pointer, count));
  }

  longs(pointer, count) {
    return pointer ? Array.from(new BigInt64Array(this.memory.buffer, pointer, count), Number) : [];
  }

  /** Runs `use` with memory that is given back afterwards. */
  withMemory(bytes, use) {
    const pointer = this.wasm._malloc(Math.max(bytes, 1));
    if (!pointer) {
      throw new DualPathError("DP_ERR_MEMORY", `no memory for ${bytes} bytes`);
    }
    try {
      return use(pointer);
    } finally {
      this.wasm._free(pointer);
    }
  }

  /** Throws what the last call said, unless it was successful. */
  check(status = this.wasm._web_status(), message = this.wasm._dp_last_message()) {
    if (status !== 0) {
      throw new DualPathError(this.text(this.wasm._dp_status_name(status)), this.text(message));
    }
  }
}

/** Something of the library that has to be freed: by close(), or when nobody has it any more. */
export class Handle {
  #pointer;

  constructor(engine, pointer, free) {
    engine.check();
    this.engine = engine;
    this.#pointer = pointer;
    this.free = free;
    engine.freed.register(this, { free, pointer }, this);
  }

  get pointer() {
    if (!this.#pointer) {
      throw new DualPathError("DP_ERR_ARGUMENT", `this ${this.constructor.name} was closed`);
    }
    return this.#pointer;
  }

  /** Frees it; a second time does nothing. */
  close() {
    if (this.#pointer) {
      this.engine.freed.unregister(this);
      this.free(this.#pointer);
      this.#pointer = 0;
    }
  }
}
