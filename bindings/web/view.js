/** Draws what was found: bars, pictures of both paths, events, a timeline. */

export function showBars(list, labels, probabilities) {
  const first = probabilities.indexOf(Math.max(...probabilities));
  list.replaceChildren(...labels.map((label, i) => {
    const item = document.createElement("li");
    const share = `${(100 * probabilities[i]).toFixed(1)} %`;
    item.style.setProperty("--share", share.replace(" ", ""));
    item.classList.toggle("first", i === first && probabilities[i] > 0);
    item.append(label, document.createElement("span"));
    item.lastChild.textContent = share;
    return item;
  }));
}

/** Images [count][3][side][side] beside each other, stretched to what their values span. */
export function drawImages(canvas, values, side, count) {
  canvas.width = side * count;
  canvas.height = side;
  const context = canvas.getContext("2d");
  const plane = side * side;
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const scale = 255 / Math.max(most - least, 1e-6);
  for (let n = 0; n < count; n++) {
    const image = new ImageData(side, side);
    for (let i = 0; i < plane; i++) {
      for (let channel = 0; channel < 3; channel++) {
        image.data[4 * i + channel] = (values[(3 * n + channel) * plane + i] - least) * scale;
      }
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, n * side, 0);
  }
}

const seconds = (us) => `${(us / 1e6).toFixed(1)} s`;

export function showEvents(list, ended, open) {
  const item = (event, ends) => {
    const line = document.createElement("li");
    line.textContent = `${event.label}: ${seconds(event.startUs)} – ${ends}, ${(100 * event.peak).toFixed(0)} %`;
    return line;
  };
  list.replaceChildren(...ended.map((event) => item(event, seconds(event.endUs))),
    ...open.map((event) => item(event, "now")));
}

/** A row for each class, a column for each window: the darker, the likelier. */
export function drawTimeline(canvas, labels, windows) {
  const ratio = devicePixelRatio;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  const style = getComputedStyle(document.body);
  const row = height / Math.max(labels.length, 1);
  context.scale(ratio, ratio);
  context.font = `${Math.min(12, row * 0.8)}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const names = Math.min(width * 0.4, Math.max(0, ...labels.map((l) => context.measureText(l).width)) + 8);
  const column = (width - names) / Math.max(windows.length, 12);
  labels.forEach((label, i) => {
    context.globalAlpha = 1;
    context.fillStyle = style.color;
    context.fillText(label, 0, (i + 0.5) * row, names - 8);
    context.fillStyle = style.getPropertyValue("--accent");
    windows.forEach(({ probabilities }, n) => {
      context.globalAlpha = probabilities[i];
      context.fillRect(names + n * column, i * row + 1, Math.max(column - 0.5, 1), row - 2);
    });
  });
}
