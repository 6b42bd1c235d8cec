"use strict";
// Plays a video and draws the masks of its result over it, frame by frame. No library, no network.
// A mask comes as COCO's compressed run lengths: runs down each column, zeros first.

const data = JSON.parse(document.getElementById("result").textContent);
const { width, height, times, sequences } = data;
const byId = (id) => document.getElementById(id);
const video = byId("video");
const masks = byId("masks").getContext("2d", { willReadFrequently: true });
const labels = byId("labels").getContext("2d");
const pixels = masks.createImageData(width, height);
const colours = new Uint32Array(pixels.data.buffer);
const inside = new Uint8Array(width * height);
const thickness = Math.max(1, Math.round(Math.min(width, height) / 250));
const state = {
  frame: 0, // the frame whose masks are drawn
  wanted: 0, // the frame that was asked for last
  origin: null, // media time of frame 0; null until the browser has shown it
  score: Number(byId("score").value),
  opacity: Number(byId("opacity").value),
  outlines: true,
  labels: data.labels,
  sort: { key: "score", down: true },
};
for (const sequence of sequences) {
  sequence.on = true;
  sequence.present = sequence.masks.filter((mask) => mask !== null).length;
}

// ---- masks

function runLengths(counts) {
  const runs = [];
  let at = 0;
  while (at < counts.length) {
    let number = 0, shift = 0, digit;
    do {
      digit = counts.charCodeAt(at++) - 48;
      number |= (digit & 31) << shift;
      shift += 5;
    } while (digit & 32);
    if (digit & 16) number |= -1 << shift;
    runs.push(runs.length > 2 ? number + runs[runs.length - 2] : number);
  }
  return runs;
}

// Mark a mask's pixels in `inside` and return its bounds, or null where it is empty.
function mark(counts) {
  const runs = runLengths(counts);
  let left = width, right = -1, top = height, bottom = -1, area = 0, position = 0;
  for (let index = 0; index < runs.length; index++) {
    const end = position + runs[index];
    if (index % 2 === 1) {
      area += runs[index];
      while (position < end) {
        const x = Math.floor(position / height);
        const from = position - x * height;
        const to = Math.min(height, from + end - position);
        left = Math.min(left, x);
        right = Math.max(right, x);
        top = Math.min(top, from);
        bottom = Math.max(bottom, to - 1);
        for (let y = from; y < to; y++) inside[y * width + x] = 1;
        position += to - from;
      }
    }
    position = end;
  }
  return area ? { left, right, top, bottom, area } : null;
}

function isInside(x, y) {
  return x >= 0 && y >= 0 && x < width && y < height && inside[y * width + x] === 1;
}

function paint(colour, box) {
  const rgb = parseInt(colour.slice(1), 16);
  const red = rgb >> 16, green = (rgb >> 8) & 255, blue = rgb & 255;
  const word = (alpha) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  const fill = word(Math.round(255 * state.opacity)), edge = word(255), r = thickness;
  for (let y = box.top; y <= box.bottom; y++) {
    for (let x = box.left; x <= box.right; x++) {
      const at = y * width + x;
      if (inside[at] !== 1) continue;
      const whole = isInside(x - r, y) && isInside(x + r, y) && isInside(x, y - r) && isInside(x, y + r);
      colours[at] = state.outlines && !whole ? edge : fill;
    }
  }
  for (let y = box.top; y <= box.bottom; y++) inside.fill(0, y * width + box.left, y * width + box.right + 1);
}

const shown = (sequence) => sequence.on && sequence.score >= state.score;

function draw() {
  colours.fill(0);
  const boxes = [];
  // the best is drawn last, so it is on top
  for (const sequence of sequences.filter(shown).sort((a, b) => a.score - b.score)) {
    const counts = sequence.masks[state.frame];
    const box = counts === null ? null : mark(counts);
    if (box === null) continue;
    paint(sequence.colour, box);
    boxes.push({ sequence, box });
  }
  masks.putImageData(pixels, 0, 0);
  drawLabels(boxes);
  byId("seek").value = state.frame;
  byId("where").textContent = `frame ${state.frame} of ${times.length - 1}, ${times[state.frame].toFixed(2)} s`;
  const place = times.length > 1 ? (100 * (state.frame + 0.5)) / times.length : 50;
  for (const head of document.querySelectorAll(".head")) head.style.left = `${place}%`;
}

// ---- labels

function labelOf(sequence) {
  if (state.labels === "id") return `${sequence.id}`;
  if (state.labels === "name") return `${sequence.id} ${sequence.category}`;
  return `${sequence.id} ${sequence.category} ${sequence.score.toFixed(2)}`;
}

function drawLabels(boxes) {
  const canvas = labels.canvas, scale = window.devicePixelRatio || 1;
  const { clientWidth, clientHeight } = byId("stage");
  canvas.width = Math.round(clientWidth * scale);
  canvas.height = Math.round(clientHeight * scale);
  labels.setTransform(scale, 0, 0, scale, 0, 0);
  if (state.labels === "off") return;
  const size = Math.max(11, Math.min(16, clientHeight / 32)), pad = 3;
  labels.font = `${size}px system-ui, sans-serif`;
  labels.textBaseline = "top";
  for (const { sequence, box } of boxes) {
    if (box.area < 16) continue; // a label on a few pixels covers what it names
    let text = labelOf(sequence);
    while (text.length > 4 && labels.measureText(text).width > clientWidth / 2) text = `${text.slice(0, -2)}…`;
    const wide = labels.measureText(text).width + 2 * pad, high = size + 2 * pad;
    const x = Math.max(0, Math.min((box.left / width) * clientWidth, clientWidth - wide));
    const y = Math.max(0, (box.top / height) * clientHeight - high);
    const rgb = parseInt(sequence.colour.slice(1), 16);
    const luma = 0.299 * (rgb >> 16) + 0.587 * ((rgb >> 8) & 255) + 0.114 * (rgb & 255);
    labels.fillStyle = sequence.colour;
    labels.fillRect(x, y, wide, high);
    labels.fillStyle = luma > 120 ? "#000" : "#fff";
    labels.fillText(text, x + pad, y + pad);
  }
}

// ---- time

function frameAt(time) {
  let low = 0, high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time) low = middle;
    else high = middle - 1;
  }
  const nextIsNearer = low + 1 < times.length && times[low + 1] - time < time - times[low];
  return nextIsNearer ? low + 1 : low;
}

// The middle of a frame's time: there is no doubt which frame a browser shows then.
function middleOf(frame) {
  const last = times.length - 1;
  const gap = frame < last ? times[frame + 1] - times[frame] : last > 0 ? times[last] - times[last - 1] : 0;
  return times[frame] + gap / 2;
}

function show(frame) {
  state.frame = frame;
  draw();
}

function goTo(frame) {
  state.wanted = Math.max(0, Math.min(times.length - 1, frame));
  if (!video || video.error || video.readyState === 0) {
    show(state.wanted);
    return;
  }
  video.pause();
  video.currentTime = (state.origin ?? 0) + middleOf(state.wanted);
}

const frameCallbacks = video && "requestVideoFrameCallback" in video;

function presented(_, metadata) {
  // the first frame that a browser shows is the first of the video, whatever time it carries
  if (state.origin === null) state.origin = video.currentTime === 0 ? metadata.mediaTime : 0;
  show(frameAt(metadata.mediaTime - state.origin));
  if (!video.paused) state.wanted = state.frame;
  video.requestVideoFrameCallback(presented);
}

if (video) {
  if (frameCallbacks) {
    video.requestVideoFrameCallback(presented);
  } else {
    const follow = () => {
      show(frameAt(video.currentTime));
      if (!video.paused) {
        state.wanted = state.frame;
        requestAnimationFrame(follow);
      }
    };
    video.addEventListener("seeked", follow);
    video.addEventListener("play", follow);
  }
  video.addEventListener("error", () => {
    byId("fault").hidden = false;
    byId("fault").textContent =
      "The video cannot be played here, so the masks are shown without it. Is the file still in its place?";
  });
  const playing = () => {
    byId("play").setAttribute("aria-pressed", String(!video.paused));
    byId("play").textContent = video.paused ? "Play" : "Pause";
  };
  for (const kind of ["play", "pause", "ended"]) video.addEventListener(kind, playing);
}

function togglePlay() {
  if (!video || video.error) return;
  if (video.paused) video.play();
  else video.pause();
}

// ---- the table

function element(tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

function cell(row, content, kind = "") {
  const made = element("td", kind ? { class: kind } : {});
  if (typeof content === "string") made.textContent = content;
  else made.append(content);
  row.append(made);
}

function timeline(sequence) {
  const track = element("div", { class: "track", title: "click to jump" });
  const canvas = element("canvas", { width: String(Math.min(1200, Math.max(300, times.length))), height: "14" });
  const pen = canvas.getContext("2d"), step = canvas.width / times.length;
  pen.fillStyle = sequence.colour;
  sequence.masks.forEach((mask, frame) => {
    if (mask === null) return;
    pen.globalAlpha = 0.3 + 0.7 * (sequence.frame_scores[frame] ?? 0.6);
    pen.fillRect(frame * step, 3, Math.max(1, step), 11);
  });
  pen.globalAlpha = 1;
  pen.fillStyle = getComputedStyle(document.body).color;
  const middle = (sequence.key_frame + 0.5) * step;
  pen.beginPath();
  pen.moveTo(middle - 5, 0);
  pen.lineTo(middle + 5, 0);
  pen.lineTo(middle, 6);
  pen.fill();
  track.append(canvas, element("div", { class: "head" }));
  track.addEventListener("click", (event) => {
    const box = track.getBoundingClientRect();
    goTo(Math.floor(((event.clientX - box.left) / box.width) * times.length));
  });
  return track;
}

function addRows(sequence) {
  const row = element("tr", { class: shown(sequence) ? "main" : "main off", "data-id": String(sequence.id) });
  const toggle = element("input", { type: "checkbox", "aria-label": `show sequence ${sequence.id}` });
  toggle.checked = sequence.on;
  toggle.addEventListener("change", () => { sequence.on = toggle.checked; refresh(); });
  cell(row, toggle);
  const picture = sequence.thumbnail ? element("img", { src: sequence.thumbnail, alt: "", class: "thumbnail" }) : "";
  cell(row, picture, "wide");
  cell(row, String(sequence.id));
  cell(row, sequence.category, "name");
  cell(row, sequence.score.toFixed(3));
  cell(row, String(sequence.present), "wide");
  const key = element("button", { title: "jump to the key frame" }, String(sequence.key_frame));
  key.addEventListener("click", () => goTo(sequence.key_frame));
  cell(row, key, "wide");
  const tools = element("span", { class: "bar", style: "margin:0;flex-wrap:nowrap;justify-content:end" });
  const colour = element("input", { type: "color", value: sequence.colour, "aria-label": `colour of sequence ${sequence.id}` });
  colour.addEventListener("change", () => { sequence.colour = colour.value; refresh(); });
  const solo = element("button", { title: "show this one alone" }, "solo");
  solo.addEventListener("click", () => {
    const alone = sequence.on && sequences.every((other) => other === sequence || !other.on);
    for (const other of sequences) other.on = alone || other === sequence;
    refresh();
  });
  tools.append(colour, solo);
  cell(row, tools);
  const below = element("tr", shown(sequence) ? {} : { class: "off" });
  const wide = element("td", { colspan: "8", class: "timeline" });
  wide.append(timeline(sequence));
  below.append(wide);
  byId("rows").append(row, below);
}

function refresh() {
  byId("rows").replaceChildren();
  const { key, down } = state.sort, sign = down ? -1 : 1;
  const order = [...sequences].sort((a, b) => sign * (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0));
  order.forEach(addRows);
  byId("count").textContent = `${sequences.filter(shown).length} of ${sequences.length} shown`;
  byId("score-value").textContent = state.score.toFixed(2);
  draw();
}

// ---- controls

byId("seek").addEventListener("input", (event) => goTo(Number(event.target.value)));
byId("back").addEventListener("click", () => goTo(state.wanted - 1));
byId("forward").addEventListener("click", () => goTo(state.wanted + 1));
byId("play").addEventListener("click", togglePlay);
byId("speed").addEventListener("change", (event) => { if (video) video.playbackRate = Number(event.target.value); });
byId("score").addEventListener("input", (event) => { state.score = Number(event.target.value); refresh(); });
byId("opacity").addEventListener("input", (event) => { state.opacity = Number(event.target.value); draw(); });
byId("outlines").addEventListener("change", (event) => { state.outlines = event.target.checked; draw(); });
byId("label-kind").value = state.labels;
byId("label-kind").addEventListener("change", (event) => { state.labels = event.target.value; draw(); });
for (const [id, on] of [["all", true], ["none", false]]) {
  byId(id).addEventListener("click", () => { for (const sequence of sequences) sequence.on = on; refresh(); });
}
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    const key = button.dataset.sort;
    state.sort = { key, down: state.sort.key === key ? !state.sort.down : key === "score" || key === "present" };
    refresh();
  });
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input[type=color]")) return;
  const step = event.shiftKey ? 10 : 1;
  const actions = {
    " ": togglePlay,
    ArrowLeft: () => goTo(state.wanted - step),
    ArrowRight: () => goTo(state.wanted + step),
    Home: () => goTo(0),
    End: () => goTo(times.length - 1),
    o: () => byId("outlines").click(),
    l: () => {
      const kinds = byId("label-kind");
      kinds.selectedIndex = (kinds.selectedIndex + 1) % kinds.length;
      kinds.dispatchEvent(new Event("change"));
    },
  };
  const action = actions[event.key] ?? actions[event.key.toLowerCase()];
  if (!action || (event.target.matches("input[type=range]") && event.key.startsWith("Arrow") && event.target.id !== "seek")) return;
  if (event.key === " " && event.target.matches("button, input[type=checkbox]")) return;
  event.preventDefault();
  action();
});
new ResizeObserver(draw).observe(byId("stage"));
refresh();
