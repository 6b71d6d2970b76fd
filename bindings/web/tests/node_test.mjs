/**
 * The module in node: `node node_test.mjs WEB MODELS CLIP ANSWERS`. CLIP has frames [64][240][320][3] in RGB, ANSWERS
 * what plain C of this machine says of it: { "MODEL PRECISION": logits }.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

const [web, models, clipFile, answersFile] = process.argv.slice(2);
const { DualPathError, Engine, Events, Model, Session, Stream } = await import(path.resolve(web, "dualpath.js"));
const WIDTH = 320;
const HEIGHT = 240;
const SIZE = WIDTH * HEIGHT * 3;

const clip = fs.readFileSync(clipFile);
const answers = JSON.parse(fs.readFileSync(answersFile));
const frames = Array.from({ length: clip.length / SIZE }, (_, i) => ({
  data: clip.subarray(i * SIZE, (i + 1) * SIZE), width: WIDTH, height: HEIGHT, format: "rgb24",
}));
const file = (name) => fs.readFileSync(path.join(models, `${name}.gguf`));

function rgba({ data, width, height }) {
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    pixels.set([data[3 * i], data[3 * i + 1], data[3 * i + 2], 255], 4 * i);
  }
  return { data: pixels, width, height };
}

function refused(call, status, sentence) {
  assert.throws(call, (error) => {
    assert.equal(error instanceof DualPathError ? error.status : error.name, status, error.message);
    assert.match(error.message, sentence);
    return true;
  });
}

const engine = await Engine.load();
const backbone = Model.open(engine, file("backbone"), { asBackbone: true });
const model = backbone.openTask(file("camera-motion"));
const session = new Session(model);

const tests = {
  "logits are those of plain C, bit for bit"() {
    for (const [name, logits] of Object.entries(answers)) {
      const [task, precision] = name.split(" ");
      const base = Model.open(engine, file("backbone"), { asBackbone: true, precision });
      const opened = base.openTask(file(task));
      const own = new Session(opened);
      assert.deepEqual(own.classify(frames).logits, Float32Array.from(logits), name);
      [own, opened, base].forEach((handle) => handle.close());
    }
  },

  "RGBA has the answer of RGB, and a window that of a clip"() {
    const chosen = model.sample(frames.length).map((i) => frames[i]);
    const expected = session.classify(chosen, { sampling: "given" }).logits;
    assert.deepEqual(session.classify(chosen.map(rgba), { sampling: "given" }).logits, expected);
    const stream = new Stream(session, { rate: 1 });
    let window = null;
    chosen.forEach((frame, i) => {
      stream.push(frame, i * 1000);
      window = stream.next() ?? window;
    });
    assert.deepEqual(window.logits, expected);
    assert.equal(window.timesUs.at(-1), 15000);
    stream.close();
  },

  "events have the times of their windows"() {
    const events = new Events(model);
    const window = (share, start) => ({
      probabilities: Float32Array.from(model.labels, (_, i) => (i === 2 ? share : 0)),
      timesUs: [start, start + 1e6],
    });
    assert.deepEqual(events.push(window(0.9, 0)), []);
    assert.equal(events.open()[0].label, model.labels[2]);
    const [event] = events.push(window(0.1, 1e6));
    assert.deepEqual([event.index, event.startUs, event.endUs], [2, 0, 1e6]);
    assert.deepEqual(events.finish(), []);
    events.close();
  },

  "mistakes are errors that name them"() {
    refused(() => Model.open(engine, new Uint8Array(100)), "DP_ERR_FORMAT", /./);
    refused(() => Model.open(engine, file("backbone").subarray(0, 5000)), "DP_ERR_FORMAT", /./);
    refused(() => Model.open(engine, file("camera-motion")), "DP_ERR_BACKBONE", /backbone/);
    refused(() => Model.open(engine, "model.gguf"), "TypeError", /ArrayBuffer/);
    refused(() => Model.open(engine, file("backbone"), { presicion: "f32" }), "TypeError", /presicion/);
    refused(() => Model.open(engine, file("backbone"), { precision: "f64" }), "TypeError", /f64/);
    refused(() => session.classify([]), "DP_ERR_ARGUMENT", /no frames/);
    refused(() => session.classify([frames[0], { ...frames[1], width: 321 }]), "DP_ERR_FRAME", /frame 1 has 230400 bytes/);
    refused(() => session.classify([{ ...frames[0], format: "yuv" }]), "TypeError", /yuv/);
    refused(() => session.classify(frames, { views: 1000 }), "RangeError", /views is 1000/);
    refused(() => session.classify(frames, { sampling: "given" }), "DP_ERR_ARGUMENT", /64|16/);
    refused(() => new Session(model, { threads: 2 }), "RangeError", /threads is 2/);
    refused(() => new Stream(session, { hop: 70000 }), "RangeError", /hop is 70000/);
    refused(() => new Stream(session, { sampleFps: 2000 }), "DP_ERR_ARGUMENT", /sample_fps/);
    const closed = new Session(model);
    closed.close();
    closed.close();
    refused(() => closed.classify(frames), "DP_ERR_ARGUMENT", /this Session was closed/);
    assert.equal(session.classify(frames).logits.length, 10);
  },

  "memory does not grow with the number of handles"() {
    const use = () => {
      const base = Model.open(engine, file("backbone"), { asBackbone: true });
      const task = base.openTask(file("camera-motion"));
      const own = new Session(task);
      const stream = new Stream(own);
      const events = new Events(task);
      stream.push(frames[0], 0);
      try {
        Model.open(engine, file("backbone").subarray(0, 3000000));
      } catch (error) {
        assert.equal(error.name, "DualPathError");
      }
      [base, events, task, own, stream].forEach((handle) => handle.close());
    };
    use();
    const before = engine.memoryBytes;
    for (let i = 0; i < 60; i++) {
      use();
    }
    assert.equal(engine.memoryBytes, before);
  },
};

async function forgottenHandlesAreFreed() {
  const before = engine.memoryBytes;
  for (let i = 0; i < 60; i++) {
    new Session(model);
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.ok(engine.memoryBytes < before + 60 * 1e6, `${before} became ${engine.memoryBytes}`);
}

for (const [name, test] of Object.entries(tests)) {
  test();
  console.log(`ok ${name}`);
}
await forgottenHandlesAreFreed();
console.log("ok handles that nobody has are freed");
