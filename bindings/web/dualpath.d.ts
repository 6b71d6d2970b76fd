/** Types of dualpath.js; include/dualpath.h is the contract of each call. */

export type Precision = "default" | "f32" | "bf16" | "int8" | "auto";
export type Format = "rgb24" | "bgr24" | "rgba" | "bgra" | "gray8";
export type Sampling = "model" | "first" | "uniform" | "given" | "center" | "interval" | "spread" | "segments";

/** A call of the library that failed; `status` is the name of a dp_status. */
export class DualPathError extends Error {
  constructor(status: string, message: string);
  readonly status: string;
}

/** Whether this page may have threads: its server sends COOP and COEP headers. */
export function canHaveThreads(): boolean;

/** The WebAssembly module and its memory. */
export class Engine {
  private constructor();
  static load(options?: { threads?: number }): Promise<Engine>;
  readonly threads: number;
  readonly version: string;
  /** Bytes of WebAssembly memory: it grows, and never shrinks. */
  readonly memoryBytes: number;
}

/** Tightly packed pixels; ImageData is one. */
export interface Frame {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** Default "rgba". */
  readonly format?: Format;
}

export interface Prediction {
  index: number;
  label: string;
  probability: number;
  logit: number;
}

/** Copies of what a clip or a window was answered. */
export class Answer {
  private constructor();
  readonly labels: readonly string[];
  readonly logits: Float32Array | null;
  readonly probabilities: Float32Array | null;
  readonly featureTemporal: Float32Array | null;
  readonly featureSpatial: Float32Array | null;
  readonly totalMs: number;
  /** Of a window: which one, frames that were dropped, frames it has and their times. */
  readonly number: number;
  readonly dropped: number;
  readonly frames: number[];
  readonly timesUs: number[];
  top(count?: number): Prediction[];
}

export interface ModelInfo {
  readonly name: string;
  readonly description: string;
  readonly kernels: string;
  readonly precision: string;
  readonly method: string;
  readonly inputSize: number;
  readonly classes: number;
  readonly frames: number;
  readonly spatialFrames: number;
  readonly framesets: number;
  readonly samplingRate: number;
  readonly featureSize: number;
}

export interface ModelOptions {
  asBackbone?: boolean;
  precision?: Precision;
  verify?: boolean;
}

interface Closable {
  /** Frees it; a second time does nothing. What nobody has any more is freed, too, some time. */
  close(): void;
}

export class Model implements Closable {
  private constructor();
  static open(engine: Engine, source: ArrayBuffer | ArrayBufferView, options?: ModelOptions): Model;
  openTask(source: ArrayBuffer | ArrayBufferView, options?: ModelOptions): Model;
  readonly info: ModelInfo;
  readonly labels: readonly string[];
  sample(count: number, options?: { sampling?: Sampling; rate?: number }): number[];
  close(): void;
}

export class Session implements Closable {
  constructor(model: Model, options?: { threads?: number; imageByImage?: boolean });
  readonly model: Model;
  readonly threads: number;
  classify(
    frames: Iterable<Frame>,
    options?: { sampling?: Sampling; rate?: number; views?: number; crops?: number },
  ): Answer;
  preprocess(frames: Iterable<Frame>): { spatial: Float32Array; temporal: Float32Array | null };
  close(): void;
}

export interface StreamOptions {
  sampleFps?: number;
  rate?: number;
  hop?: number;
  queue?: number;
  full?: "refuse" | "drop";
}

export class Stream implements Closable {
  constructor(session: Session, options?: StreamOptions);
  push(frame: Frame, timeUs: number): void;
  next(): Answer | null;
  finish(): void;
  reset(): void;
  close(): void;
}

export interface ActionEvent {
  index: number;
  label: string;
  startUs: number;
  endUs: number;
  peakUs: number;
  peak: number;
  mean: number;
  windows: number;
}

export interface EventsOptions {
  beginAt?: number;
  endBelow?: number;
  entropy?: number;
  shortestUs?: number;
  joinUs?: number;
  smooth?: number;
  single?: boolean;
}

export class Events implements Closable {
  constructor(model: Model, options?: EventsOptions);
  ignore(index: number): void;
  push(window: Pick<Answer, "probabilities" | "timesUs">): ActionEvent[];
  finish(): ActionEvent[];
  open(): ActionEvent[];
  reset(): void;
  close(): void;
}
