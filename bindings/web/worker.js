/**
 * Computes for the page, which stays free: messages { id, call, ... } come, and { id, result } or
 * { id, error } go back. Windows of a camera are sent as they are found.
 */
import { DualPathError, Engine, Events, Model, Session, Stream, canHaveThreads } from "./dualpath.js";

let engine = null;
let backbone = null;
let model = null;
let session = null;
let stream = null;
let events = null;

async function fetched(path) {
  const response = await fetch(path);
  if (!response.ok) {
    throw new DualPathError("DP_ERR_IO", `${path}: the server answers ${response.status}`);
  }
  return response.arrayBuffer();
}

function closeModel() {
  for (const handle of [events, stream, session, model]) {
    handle?.close();
  }
  events = stream = session = model = null;
}

const calls = {
  async start({ threads }) {
    engine = await Engine.load({ threads: canHaveThreads() ? threads : 1 });
    backbone = Model.open(engine, await fetched("models/backbone.gguf"), { asBackbone: true });
    return { threads: engine.threads, version: engine.version };
  },

  /** Opens a task that is shipped (`name`), or any weight file (`bytes`). */
  async open({ name, bytes }) {
    const opened = bytes ? Model.open(engine, bytes) : backbone.openTask(await fetched(`models/${name}.gguf`));
    closeModel();
    model = opened;
    session = new Session(model);
    return { info: model.info, labels: model.labels };
  },

  /** Begins a film or a camera: the windows of what is pushed from now on. */
  begin({ sampleFps, hop }) {
    events?.close();
    stream?.close();
    stream = new Stream(session, { sampleFps, hop });
    events = new Events(model, { beginAt: 0.5, smooth: 1 });
  },

  push({ frame, timeUs }) {
    stream.push(frame, timeUs);
    return windows();
  },

  finish() {
    stream.finish();
    const found = windows();
    return { ...found, ended: [...found.ended, ...events.finish()], open: [] };
  },

  /** What both paths see of the frames of a window. */
  pictures({ frames }) {
    return session.preprocess(frames);
  },
};

function windows() {
  const found = [];
  const ended = [];
  for (let window; (window = stream.next());) {
    found.push({
      probabilities: window.probabilities, timesUs: window.timesUs, frames: window.frames,
      totalMs: window.totalMs,
    });
    ended.push(...events.push(window));
  }
  return { windows: found, ended, open: events.open() };
}

onmessage = async ({ data: { id, call, ...options } }) => {
  try {
    postMessage({ id, result: await calls[call](options) });
  } catch (error) {
    postMessage({ id, error: error.message, status: error.status ?? error.name });
  }
};
