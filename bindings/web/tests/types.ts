/** A program that uses what dualpath.d.ts declares: it is compiled, and not run. */
import { Engine, Events, Model, Session, Stream } from "../dualpath.js";

export async function labels(file: ArrayBuffer, frames: ImageData[]): Promise<string[]> {
  const engine = await Engine.load({ threads: 2 });
  const model = Model.open(engine, file, { precision: "int8" });
  const session = new Session(model);
  const stream = new Stream(session, { sampleFps: 7.5, full: "drop" });
  const events = new Events(model, { beginAt: 0.6, single: true });
  frames.forEach((frame, i) => stream.push(frame, i * 33333));
  stream.finish();
  for (let window; (window = stream.next()); ) {
    events.push(window);
  }
  // @ts-expect-error: there is no such precision
  Model.open(engine, file, { precision: "f64" });
  return events.finish().map((event) => event.label);
}
