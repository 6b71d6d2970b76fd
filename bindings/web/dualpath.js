/**
 * libdualpath in JavaScript: the classes of the library, on a WebAssembly module.
 *
 *     const engine = await Engine.load();
 *     const backbone = Model.open(engine, bytes, { asBackbone: true });
 *     const model = backbone.openTask(taskBytes);
 *     const session = new Session(model);
 *     session.classify(frames).top(3);      // frames: ImageData, or { data, width, height, format }
 *
 * Calls compute in the thread that makes them: pages call from a worker.
 */
import { DualPathError, Engine, Handle, canHaveThreads } from "./engine.js";

export { DualPathError, Engine, canHaveThreads };

const PRECISIONS = ["default", "f32", "bf16", "int8", "auto"];
const FORMATS = ["rgb24", "bgr24", "rgba", "bgra", "gray8"];
const FULL = ["refuse", undefined, "drop"]; // nobody could wake one that waits
const SAMPLINGS = [
  "model", "first", "uniform", "given", "center", "interval", "spread", "segments",
];
const INFO_TEXTS = ["name", "description", "kernels", "precision", "method"];
const INFO_NUMBERS = [
  "inputSize", "classes", "frames", "spatialFrames", "framesets", "samplingRate", "featureSize",
];
const FRAME_BYTES = 16;

function numberOf(what, names, name) {
  const number = typeof name === "string" ? names.indexOf(name) : -1;
  if (number < 0) {
    throw new TypeError(`${what} is ${String(name)}, expected one of ${names.filter(Boolean).join(", ")}`);
  }
  return number;
}

function whole(what, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${what} is ${String(value)}, expected a whole number of ${least} .. ${most}`);
  }
  return value;
}

function finite(what, value) {
  if (typeof value !== "number" || !(Math.abs(value) <= 2 ** 61)) {
    throw new RangeError(`${what} is ${String(value)}, expected a number`);
  }
  return value;
}

function known(what, options, names) {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${what} has no option ${unknown}: there are ${names.join(", ")}`);
  }
}

function bytesOf(source) {
  if (source instanceof ArrayBuffer) {
    return new Uint8Array(source);
  }
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  throw new TypeError("a weight file is an ArrayBuffer or a typed array");
}

/** What a frame is, with its size checked: `what` names it in errors. */
function frameOf(engine, frame, what) {
  const { data, width, height, format = "rgba" } = frame ?? {};
  const number = numberOf(`the format of ${what}`, FORMATS, format);
  const bytes = engine.wasm._web_frame_bytes(
    number, whole(`the width of ${what}`, width, 1, 65536), whole(`the height of ${what}`, height, 1, 65536));
  if (!ArrayBuffer.isView(data) || data.BYTES_PER_ELEMENT !== 1 || data.byteLength !== bytes) {
    throw new DualPathError("DP_ERR_FRAME",
      `${what} has ${data?.byteLength ?? "no"} bytes, expected ${bytes} of ${width}x${height} ${format}`);
  }
  return { data, width, height, number, bytes };
}

/** Runs `use` with frames in memory of the module: an array of web_frame (shim.c). */
function withFrames(engine, frames, use) {
  const checked = Array.from(frames, (frame, i) => frameOf(engine, frame, `frame ${i}`));
  const pixels = checked.reduce((sum, frame) => sum + frame.bytes, 0);
  return engine.withMemory(checked.length * FRAME_BYTES + pixels, (start) => {
    let next = start + checked.length * FRAME_BYTES;
    const table = new Int32Array(engine.memory.buffer, start, checked.length * 4);
    const memory = new Uint8Array(engine.memory.buffer);
    checked.forEach((frame, i) => {
      memory.set(frame.data, next);
      table.set([next, frame.width, frame.height, frame.number], i * 4);
      next += frame.bytes;
    });
    return use(start, checked.length);
  });
}

/** Logits, probabilities and features of a clip or a window: copies, which stay. */
export class Answer {
  constructor(model, pointer) {
    const { engine } = model;
    const [logits, probabilities, temporal, spatial, classes, features, frameCount, frames, times] =
      engine.words(pointer, 9);
    const [totalMs, number, dropped] = engine.doubles(pointer + 40, 3);
    this.labels = model.labels;
    this.logits = engine.floats(logits, classes);
    this.probabilities = engine.floats(probabilities, classes);
    this.featureTemporal = engine.floats(temporal, features);
    this.featureSpatial = engine.floats(spatial, features);
    this.totalMs = totalMs;
    this.number = number;
    this.dropped = dropped;
    this.frames = engine.longs(frames, frameCount);
    this.timesUs = engine.longs(times, frameCount);
  }

  /** The likeliest classes, likeliest first. */
  top(count = 1) {
    const all = Array.from(this.probabilities ?? [], (probability, index) => ({
      index, label: this.labels[index], probability, logit: this.logits[index],
    }));
    whole("count", count, 1, Math.max(all.length, 1));
    return all.sort((a, b) => b.logit - a.logit || a.index - b.index).slice(0, count);
  }
}

/** A weight file that is open. */
export class Model extends Handle {
  static #open(engine, source, backbone, options) {
    known("a model", options, ["asBackbone", "precision", "verify"]);
    const { asBackbone = false, precision = "default", verify = false } = options;
    const number = numberOf("precision", PRECISIONS, precision);
    engine.wasm.source = bytesOf(source);
    try {
      const pointer = engine.wasm._web_model_open(backbone, Number(asBackbone), number, Number(verify));
      return new Model(engine, pointer, engine.wasm._dp_model_close);
    } finally {
      engine.wasm.source = null;
    }
  }

  /** Opens a weight file from its bytes, which are not needed afterwards. */
  static open(engine, source, options = {}) {
    return Model.#open(engine, source, 0, options);
  }

  /** Opens a task file on this model, which was opened with `asBackbone`. */
  openTask(source, options = {}) {
    return Model.#open(this.engine, source, this.pointer, options);
  }

  #info = null;
  #labels = null;

  /** What dp_model_get_info() says. */
  get info() {
    if (this.#info === null) {
      const pointer = this.engine.wasm._web_model_info(this.pointer);
      this.engine.check();
      const words = this.engine.words(pointer, INFO_TEXTS.length + INFO_NUMBERS.length);
      const texts = INFO_TEXTS.map((name, i) => [name, this.engine.text(words[i])]);
      const numbers = INFO_NUMBERS.map((name, i) => [name, words[INFO_TEXTS.length + i]]);
      this.#info = Object.freeze(Object.fromEntries([...texts, ...numbers]));
    }
    return this.#info;
  }

  /** Names of classes; "" where the file has none. */
  get labels() {
    if (this.#labels === null) {
      const label = (_, i) => this.engine.text(this.engine.wasm._dp_model_label(this.pointer, i));
      this.#labels = Object.freeze(Array.from({ length: this.info.classes }, label));
    }
    return this.#labels;
  }

  /** Which of `count` frames the model takes of a clip, in the order in which it sees them. */
  sample(count, { sampling = "model", rate = 0 } = {}) {
    whole("count", count, 1, 2 ** 31 - 1);
    const { frames } = this.info;
    return this.engine.withMemory(4 * frames, (indices) => {
      this.engine.check(this.engine.wasm._web_sample(
        this.pointer, count, numberOf("sampling", SAMPLINGS, sampling), whole("rate", rate, 0, 65536),
        frames, indices));
      return this.engine.words(indices, frames);
    });
  }
}

/** Memory and threads that compute for a model. */
export class Session extends Handle {
  constructor(model, options = {}) {
    known("a session", options, ["threads", "imageByImage"]);
    const { engine } = model;
    const { threads = engine.threads, imageByImage = false } = options;
    whole("threads", threads, 1, engine.threads);
    const pointer = engine.wasm._web_session_create(model.pointer, threads, Number(imageByImage));
    super(engine, pointer, engine.wasm._dp_session_destroy);
    this.model = model;
  }

  get threads() {
    return this.engine.wasm._dp_session_threads(this.pointer);
  }

  #checked(pointer) {
    this.engine.check(undefined, this.engine.wasm._dp_session_message(this.pointer));
    return pointer;
  }

  /** Classifies a clip: all of its frames, of which the model samples what it needs. */
  classify(frames, options = {}) {
    known("a clip", options, ["sampling", "rate", "views", "crops"]);
    const { sampling = "model", rate = 0, views = 0, crops = 0 } = options;
    const numbers = [numberOf("sampling", SAMPLINGS, sampling), whole("rate", rate, 0, 65536),
      whole("views", views, 0, 256), whole("crops", crops, 0, 64)];
    return withFrames(this.engine, frames, (start, count) => {
      const call = this.engine.wasm._web_classify;
      return new Answer(this.model, this.#checked(call(this.pointer, start, count, ...numbers)));
    });
  }

  /** What both paths see of exactly the frames that a view has: [images][3][R][R], normalised. */
  preprocess(frames) {
    const { spatialFrames, framesets, inputSize } = this.model.info;
    const image = 3 * inputSize * inputSize;
    return withFrames(this.engine, frames, (start, count) => {
      const seen = this.#checked(this.engine.wasm._web_preprocess(this.pointer, start, count));
      const [spatial, temporal] = this.engine.words(seen, 2);
      return {
        spatial: this.engine.floats(spatial, spatialFrames * image),
        temporal: this.engine.floats(temporal, framesets * image),
      };
    });
  }
}

/** Windows of video without an end. */
export class Stream extends Handle {
  constructor(session, options = {}) {
    known("a stream", options, ["sampleFps", "rate", "hop", "queue", "full"]);
    const { engine } = session;
    const { sampleFps = 0, rate = 0, hop = 0, queue = 1, full = "refuse" } = options;
    const pointer = engine.wasm._web_stream_create(
      session.pointer, finite("sampleFps", sampleFps), whole("rate", rate, 0, 65536),
      whole("hop", hop, 0, 65536), whole("queue", queue, 1, 1024), numberOf("full", FULL, full));
    super(engine, pointer, engine.wasm._dp_stream_destroy);
    this.session = session;
    this.pushed = 0;
  }

  /** Takes the next frame, of a time in microseconds. */
  push(frame, timeUs) {
    finite("timeUs", timeUs);
    const checked = frameOf(this.engine, frame, `frame ${this.pushed}`);
    this.engine.withMemory(FRAME_BYTES + checked.bytes, (start) => {
      const { buffer } = this.engine.memory;
      new Int32Array(buffer, start, 4).set([
        start + FRAME_BYTES, checked.width, checked.height, checked.number]);
      new Uint8Array(buffer).set(checked.data, start + FRAME_BYTES);
      this.engine.check(this.engine.wasm._web_stream_push(this.pointer, start, Math.round(timeUs)));
    });
    this.pushed++;
  }

  /** Computes what came; an Answer with `frames` and `timesUs` where a window is whole, else null. */
  next() {
    const pointer = this.engine.wasm._web_stream_next(this.pointer);
    this.engine.check();
    return pointer ? new Answer(this.session.model, pointer) : null;
  }

  /** No more frames come: next() computes what is left. */
  finish() {
    this.engine.check(this.engine.wasm._dp_stream_finish(this.pointer));
  }

  reset() {
    this.engine.check(this.engine.wasm._dp_stream_reset(this.pointer));
    this.pushed = 0;
  }
}

/** What happened when, from the probabilities of windows. */
export class Events extends Handle {
  constructor(model, options = {}) {
    known("events", options,
      ["beginAt", "endBelow", "entropy", "shortestUs", "joinUs", "smooth", "single"]);
    const { beginAt = 0.5, endBelow = 0, entropy = 1, shortestUs = 0, joinUs = 0, smooth = 1,
      single = false } = options;
    const { engine } = model;
    const pointer = engine.wasm._web_events_create(
      model.info.classes, finite("beginAt", beginAt), finite("endBelow", endBelow),
      finite("entropy", entropy), finite("shortestUs", shortestUs), finite("joinUs", joinUs),
      whole("smooth", smooth, 1, 255), Number(single));
    super(engine, pointer, engine.wasm._dp_events_destroy);
    this.labels = model.labels;
  }

  /** This class is no event. */
  ignore(index) {
    whole("index", index, 0, this.labels.length - 1);
    this.engine.check(this.engine.wasm._dp_events_ignore(this.pointer, index));
  }

  /** Takes a window of a stream, and answers the events that ended with it. */
  push(window) {
    const { probabilities, timesUs } = window;
    if (probabilities?.length !== this.labels.length) {
      throw new DualPathError("DP_ERR_ARGUMENT",
        `the window has ${probabilities?.length ?? "no"} probabilities, expected ${this.labels.length}`);
    }
    if (!timesUs?.length) {
      throw new DualPathError("DP_ERR_ARGUMENT", "the window has no times: windows come of a Stream");
    }
    this.engine.withMemory(4 * probabilities.length, (pointer) => {
      new Float32Array(this.engine.memory.buffer, pointer, probabilities.length).set(probabilities);
      this.engine.check(
        this.engine.wasm._web_events_push(this.pointer, timesUs[0], timesUs.at(-1), pointer));
    });
    return this.#ended();
  }

  /** No more windows come; answers the events that went on. */
  finish() {
    this.engine.check(this.engine.wasm._dp_events_finish(this.pointer));
    return this.#ended();
  }

  reset() {
    this.engine.check(this.engine.wasm._dp_events_reset(this.pointer));
  }

  /** The events that go on. */
  open() {
    const event = (_, i) => this.#event(this.engine.wasm._web_events_open(this.pointer, i));
    return this.labels.map(event).filter((found) => found !== null);
  }

  #ended() {
    const events = [];
    for (let event; (event = this.#event(this.engine.wasm._web_events_next(this.pointer)));) {
      events.push(event);
    }
    return events;
  }

  #event(pointer) {
    if (!pointer) {
      return null;
    }
    const [startUs, endUs, peakUs, peak, mean] = this.engine.doubles(pointer, 5);
    const [index, windows] = this.engine.words(pointer + 40, 2);
    return { index, label: this.labels[index], startUs, endUs, peakUs, peak, mean, windows };
  }
}
