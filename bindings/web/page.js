/** The page: takes frames of a file or a camera, has them looked at by the worker, shows answers. */
import { drawImages, drawTimeline, showBars, showEvents } from "./view.js";

const SAMPLE_FPS = 7.5; // 30 frames a second, every fourth, as the models were trained
const LONGEST_SIDE = 320; // frames are shrunk to this on the way to the worker
const $ = (id) => document.getElementById(id);
const video = $("video");
const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map();
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { willReadFrequently: true });
let labels = [];
let info = null;
let run = null; // what is being watched: { stopped }
let history = { windows: [], events: [] };
let kept = new Map(); // frames by their number, while windows may show them

worker.onmessage = ({ data: { id, result, error, status } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) {
    resolve(result);
  } else {
    reject(Object.assign(new Error(error), { status }));
  }
};
worker.onerror = (event) => say(`The worker does not start: ${event.message ?? "see the console"}`, true);

let lastId = 0;
function ask(call, options = {}) {
  return new Promise((resolve, reject) => {
    waiting.set(++lastId, { resolve, reject });
    worker.postMessage({ id: lastId, call, ...options });
  });
}

function say(text, isError = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", isError);
}

function grab() {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.max(1, Math.round(video.videoWidth * scale));
  canvas.height = Math.max(1, Math.round(video.videoHeight * scale));
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { data, width, height };
}

async function show({ windows, ended, open }) {
  history.windows.push(...windows);
  history.events.push(...ended);
  const last = windows.at(-1);
  if (last) {
    showBars($("bars"), labels, last.probabilities);
    say(`${labels[last.probabilities.indexOf(Math.max(...last.probabilities))]} — ${last.totalMs.toFixed(0)} ms a window`);
    const frames = last.frames.map((number) => kept.get(number)).filter(Boolean);
    for (const number of kept.keys()) {
      if (number < last.frames[0]) {
        kept.delete(number);
      }
    }
    if (frames.length === info.frames) {
      const seen = await ask("pictures", { frames });
      drawImages($("temporal"), seen.temporal, info.inputSize, 1);
      drawImages($("spatial"), seen.spatial, info.inputSize, info.spatialFrames);
    }
  }
  showEvents($("events"), history.events, open);
  drawTimeline($("timeline"), labels, history.windows);
}

async function begin() {
  await stop();
  history = { windows: [], events: [] };
  kept = new Map();
  await ask("begin", { sampleFps: SAMPLE_FPS, hop: info.frames / 4 });
  $("stop").disabled = false;
  run = { stopped: false, pushed: 0 };
  return run;
}

async function push(current, timeUs) {
  const frame = grab();
  kept.set(current.pushed++, frame);
  await show(await ask("push", { frame, timeUs }));
}

/** Seeks to each time at which a frame is sampled: no frame is missed, however slow this is. */
async function watchFile(file) {
  const current = await begin();
  video.srcObject = null;
  video.src = URL.createObjectURL(file);
  await new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = () => reject(new Error(`${file.name}: this browser cannot play it`));
  });
  for (let n = 0; !current.stopped && n / SAMPLE_FPS < video.duration; n++) {
    await new Promise((resolve) => {
      video.onseeked = resolve;
      video.currentTime = n / SAMPLE_FPS;
    });
    await push(current, Math.round((n / SAMPLE_FPS) * 1e6));
  }
  await finish(current);
}

/** Frames that come while one is looked at are dropped. */
async function watchCamera() {
  const media = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  const current = await begin();
  current.media = media;
  video.srcObject = media;
  await video.play();
  const first = performance.now();
  while (!current.stopped) {
    const now = await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    await push(current, Math.round((now - first) * 1e3));
  }
}

async function finish(current) {
  if (run === current && current.pushed > 0) {
    await show(await ask("finish"));
  }
  if (run === current) {
    run = null;
    $("stop").disabled = true;
  }
}

async function stop() {
  const current = run;
  if (current) {
    current.stopped = true;
    current.media?.getTracks().forEach((track) => track.stop());
    await finish(current);
  }
}

async function openModel(request) {
  await stop();
  ({ info, labels } = await ask("open", request));
  showBars($("bars"), labels, new Float32Array(labels.length));
  say(`Ready: ${info.description}.`);
}

function guarded(action) {
  return (...values) => action(...values).catch((error) => {
    if (run) {
      run.stopped = true;
      run = null;
      $("stop").disabled = true;
    }
    say(error.message, true);
  });
}

$("file").addEventListener("change", guarded(async () => {
  const [file] = $("file").files;
  $("file").value = "";
  if (file) {
    await watchFile(file);
  }
}));
$("camera").addEventListener("click", guarded(watchCamera));
$("stop").addEventListener("click", guarded(stop));
$("model").addEventListener("change", guarded(() => openModel({ name: $("model").value })));
const drawAgain = () => drawTimeline($("timeline"), labels, history.windows);
addEventListener("resize", drawAgain);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAgain);
guarded(async () => {
  const threads = new URLSearchParams(location.search).get("threads");
  await ask("start", { threads: Number(threads) || Math.min(4, navigator.hardwareConcurrency) });
  await openModel({ name: $("model").value });
})();
