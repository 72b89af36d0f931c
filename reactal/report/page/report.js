// Links the figures to the structures: what is chosen anywhere is shown in three dimensions.
"use strict";

const known = JSON.parse(document.getElementById("structures").textContent);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const find = (selector, from) => (from || document).querySelector(selector);

const unpacked = (() => {
  const bytes = Uint8Array.from(atob(known.positions), (letter) => letter.charCodeAt(0));
  const whole = new DataView(bytes.buffer), starts = [0];
  for (const kind of known.kind) starts.push(starts.at(-1) + 3 * known.kinds[kind].length);
  return (n) => Float64Array.from({ length: starts[n + 1] - starts[n] }, (_, k) => whole.getInt16(2 * (starts[n] + k), true) * known.unit);
})();
const atomsOf = (n) => known.kinds[known.kind[n]];

function asXyz(n) {
  const at = unpacked(n), place = (i) => [0, 1, 2].map((k) => at[3 * i + k].toFixed(4)).join(" ");
  const lines = atomsOf(n).map((number, i) => `${known.elements[number][0]} ${place(i)}`);
  return `${lines.length}\n${known.names[n].replace(/\s+/g, " ")}\n${lines.join("\n")}\n`;
}

function make(tag, text, attributes) {
  const element = Object.assign(document.createElement(tag), attributes || {});
  element.textContent = text; // never markup
  return element;
}

// ---- the viewer with its list ------------------------------------------------------------------------------------------

class Stage {
  constructor(root) {
    this.root = root;
    this.measured = find("[data-measured]", root);
    this.viewer = new Viewer(find("canvas", root), known.elements, (text) => (this.measured.textContent = text));
    this.slider = find("[data-slider]", root);
    this.play = find("[data-play]", root);
    this.controls();
    this.buttons = known.groups.flatMap((group) => this.listed(group));
    if (this.buttons.length) this.buttons[0].click();
  }

  listed(group) {
    const list = find("[data-list]", this.root);
    list.append(make("h4", group.title));
    const row = make("div", "", { className: "choices" });
    list.append(row);
    return group.items.map((item) => {
      const button = make("button", item.label, { type: "button" });
      button.addEventListener("click", () => this.choose(item, button));
      row.append(button);
      return button;
    });
  }

  controls() {
    this.slider.addEventListener("input", () => (this.stop(), this.frame(Number(this.slider.value))));
    this.play.addEventListener("click", () => (this.running ? this.stop() : this.start()));
    find("[data-reset]", this.root).addEventListener("click", () => (this.viewer.reset(), this.viewer.draw()));
    find("[data-numbered]", this.root).addEventListener("change", (event) => {
      this.viewer.numbered = event.target.checked;
      this.viewer.draw();
    });
    find("[data-xyz]", this.root).addEventListener("click", () => {
      const file = new Blob([asXyz(this.now)], { type: "chemical/x-xyz" });
      const link = make("a", "", { href: URL.createObjectURL(file), download: "structure.xyz" });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  choose(item, button) {
    this.stop();
    this.item = item;
    for (const other of this.buttons) other.setAttribute("aria-pressed", String(other === button));
    const moves = item.frames.length > 1 || item.mode;
    find("[data-moving]", this.root).hidden = !moves;
    this.sizes = Math.max(...item.frames.map((n) => extent(centred(unpacked(n)))));
    this.slider.max = item.mode ? 100 : (item.frames.length - 1) * 20;
    this.frame(item.mode ? 50 : 0);
    this.say();
    if (moves && !still) this.start();
  }

  say() {
    const name = known.names[this.now], label = this.item.label;
    find("[data-name]", this.root).textContent = label === name ? name : this.item.frames.length > 1 ? label : `${name} · ${label}`;
    find("[data-text]", this.root).textContent = this.item.text;
    this.viewer.canvas.setAttribute("aria-label", `Three-dimensional view of ${name}. Arrow keys turn it, plus and minus zoom.`);
  }

  // where: of a path, image * 20 and what is between; of a mode, 0 to 100 from one turning point to the other
  frame(where) {
    const item = this.item;
    this.slider.value = String(Math.round(where));
    if (item.mode) {
      const start = unpacked(item.frames[0]), swing = ((where - 50) / 50) * 0.9;
      this.now = item.frames[0];
      return this.viewer.show(atomsOf(this.now), start.map((value, k) => value + swing * item.mode[k]), this.sizes + 0.5);
    }
    const at = Math.min(where / 20, item.frames.length - 1), low = Math.floor(at), high = Math.min(low + 1, item.frames.length - 1);
    const from = centred(unpacked(item.frames[low])), to = centred(unpacked(item.frames[high])), share = at - low;
    this.now = item.frames[Math.round(at)];
    this.viewer.show(atomsOf(this.now), from.map((value, k) => value + share * (to[k] - value)), this.sizes);
    if (item.heights) {
      const height = item.heights[low] + share * (item.heights[high] - item.heights[low]);
      const image = `image ${Math.round(at) + 1} of ${item.frames.length}`;
      find("[data-text]", this.root).textContent = `${height.toFixed(1).replace("-", "−")} kcal/mol on the model, ${image}`;
      find("[data-name]", this.root).textContent = item.label;
    }
  }

  start() {
    this.running = true;
    this.play.textContent = "Pause";
    const began = performance.now(), lasts = this.item.mode ? 1300 : 4200; // milliseconds
    const most = Number(this.slider.max), first = Number(this.slider.value);
    const phase = this.item.mode ? Math.asin(Math.max(-1, Math.min(1, first / 50 - 1))) : Math.acos(1 - (2 * first) / most);
    const step = (now) => {
      if (!this.running) return;
      const turn = phase + ((now - began) / lasts) * 2 * Math.PI * (this.item.mode ? 1 : 0.5);
      this.frame(this.item.mode ? 50 + 50 * Math.sin(turn) : (most * (1 - Math.cos(turn))) / 2);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.running = false;
    this.play.textContent = "Play";
  }
}

// ---- a point of a figure, and the structure it stands for --------------------------------------------------------------

class Peek {
  constructor(root) {
    this.root = root;
    this.viewer = new Viewer(find("canvas", root), known.elements, (text) => (find("[data-measured]", root).textContent = text));
    find("[data-close]", root).addEventListener("click", () => this.close());
    document.addEventListener("keydown", (event) => event.key === "Escape" && !root.hidden && this.close());
  }

  show(n, svg) {
    this.root.hidden = false;
    this.svg = svg;
    find("[data-name]", this.root).textContent = known.names[n];
    find("[data-text]", this.root).textContent = known.notes[n];
    this.viewer.canvas.setAttribute("aria-label", `Three-dimensional view of ${known.names[n]}`);
    this.viewer.show(atomsOf(n), unpacked(n));
  }

  close() {
    this.root.hidden = true;
    unmark();
    if (this.svg) this.svg.focus({ preventScroll: true });
  }
}

const NEAR = 14; // pixels between a click and the point it is for

function link(svg, [owners, xs, ys], peek) {
  const order = [...owners.keys()].sort((a, b) => xs[a] - xs[b]);
  let current = -1;
  svg.setAttribute("tabindex", "0");
  svg.classList.add("linked");
  const nearest = (event) => {
    const there = svg.getScreenCTM().inverse(), scale = there.a;
    const x = event.clientX * there.a + there.e, y = event.clientY * there.d + there.f;
    let best = -1, least = NEAR * scale;
    for (let k = 0; k < xs.length; k++) {
      const apart = Math.hypot(xs[k] - x, ys[k] - y);
      if (apart < least) (least = apart), (best = k);
    }
    return best;
  };
  const choose = (k) => {
    current = k;
    mark(owners[k], [svg, xs[k], ys[k]]);
    peek.show(owners[k], svg);
  };
  svg.addEventListener("pointermove", (event) => (svg.style.cursor = nearest(event) < 0 ? "" : "pointer"));
  svg.addEventListener("click", (event) => {
    const k = nearest(event);
    if (k >= 0) choose(k);
  });
  svg.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1, Enter: 0 }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    const place = current < 0 ? (way < 0 ? order.length - 1 : 0) : order.indexOf(current) + way;
    choose(order[(place + order.length) % order.length]);
  });
}

// the point itself, and smaller ones around the same structure wherever else it is drawn
function mark(owner, [svg, x, y]) {
  unmark();
  for (const figure of document.querySelectorAll("figure[data-figure]")) {
    const spots = known.spots[figure.dataset.figure];
    if (spots) spots[0].forEach((other, k) => other === owner && ring(find("svg", figure), spots[1][k], spots[2][k], 4.5));
  }
  ring(svg, x, y, 7.5);
}

const unmark = () => document.querySelectorAll(".ring").forEach((ring) => ring.remove());

function ring(svg, x, y, radius) {
  const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [name, value] of Object.entries({ cx: x, cy: y, r: radius, class: "ring" })) circle.setAttribute(name, value);
  svg.append(circle);
}

// ---- day and night -----------------------------------------------------------------------------------------------------

function themes(button) {
  const names = ["auto", "light", "dark"];
  const recolour = () => document.querySelectorAll("canvas").forEach((canvas) => canvas.dispatchEvent(new Event("recolour")));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement, next = names[(names.indexOf(root.dataset.theme || "auto") + 1) % 3];
    root.dataset.theme = next;
    button.textContent = `Colours: ${next}`;
    recolour();
  });
}

themes(find("[data-theme-button]"));
const place = find("[data-stage]");
if (place) {
  place.hidden = false;
  const stage = new Stage(place), peek = new Peek(find("[data-peek]"));
  document.querySelectorAll("figure[data-figure]").forEach((figure) => {
    const spots = known.spots[figure.dataset.figure];
    if (spots) link(find("svg", figure), spots, peek);
  });
  document.querySelectorAll("[data-structure]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => peek.show(Number(button.dataset.structure), button));
  });
  document.addEventListener("visibilitychange", () => document.hidden && stage.stop());
}
