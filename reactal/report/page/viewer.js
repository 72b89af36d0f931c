// Draws molecules on a canvas, as balls and sticks sorted by depth: a few dozen atoms need no library and no graphics card.
"use strict";

const BONDED = 1.22, FORMING = 1.6; // of the summed covalent radii: a bond, and one that forms or breaks
const BALL = 0.42, STICK = 0.11; // angstrom, or of the covalent radius
const EYE = 14; // distance of the eye in radii of the molecule

class Viewer {
  constructor(canvas, elements, said) {
    this.canvas = canvas;
    this.elements = elements;
    this.said = said || (() => {});
    this.picked = [];
    this.numbered = false;
    this.reset();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("recolour", () => this.draw());
  }

  reset() {
    this.turned = times(about_x(0.3), about_y(-0.4)); // from the side, nothing hides behind its neighbour
    this.zoom = 1;
  }

  // numbers: one per atom; places: x, y, z of each, in angstrom; size: the radius to fit, where frames share one
  show(numbers, places, size) {
    if (!this.numbers || this.numbers.length !== numbers.length) this.picked = [];
    this.numbers = numbers;
    this.places = centred(places);
    this.size = size || extent(this.places);
    this.draw();
    this.measure();
  }

  draw() {
    const box = this.canvas.getBoundingClientRect(), sharp = window.devicePixelRatio || 1;
    if (!this.numbers || !box.width) return;
    const wide = Math.round(box.width * sharp), high = Math.round(box.height * sharp);
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, wide, high);
    this.mark = getComputedStyle(this.canvas).getPropertyValue("--truth").trim();
    this.project(wide, high);
    const parts = [...this.bonds(), ...this.atoms.map((atom) => ({ z: atom.z, draw: () => this.ball(pen, atom, sharp) }))];
    parts.sort((a, b) => a.z - b.z).forEach((part) => part.draw(pen, sharp));
    this.links(pen, sharp);
  }

  project(wide, high) {
    const m = this.turned, far = EYE * this.size, scale = (0.44 * Math.min(wide, 1.35 * high) * this.zoom) / this.size;
    this.atoms = this.numbers.map((number, i) => {
      const at = this.places.slice(3 * i, 3 * i + 3), [x, y, z] = [0, 3, 6].map((row) => dot(at, m.slice(row, row + 3)));
      const near = far / (far - z);
      const [symbol, colour, radius] = this.elements[number];
      const unit = scale * near;
      return { i, symbol, colour, z, x: wide / 2 + x * unit, y: high / 2 - y * unit, unit, r: (0.12 + BALL * radius) * unit };
    });
  }

  bonds() {
    const found = [], p = this.places;
    for (let i = 0; i < this.numbers.length; i++)
      for (let j = i + 1; j < this.numbers.length; j++) {
        const apart = Math.hypot(p[3 * i] - p[3 * j], p[3 * i + 1] - p[3 * j + 1], p[3 * i + 2] - p[3 * j + 2]);
        const ratio = apart / (this.elements[this.numbers[i]][2] + this.elements[this.numbers[j]][2]);
        if (ratio > FORMING) continue;
        const a = this.atoms[i], b = this.atoms[j], dashed = ratio > BONDED;
        const way = [b.x - a.x, b.y - a.y, (b.z - a.z) * a.unit], mid = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
        const from = (atom, sign) => {
          const share = Math.min((sign * 0.9 * atom.r) / length(way), 0.5); // where it leaves the ball: it must not be drawn over its name
          return { x: atom.x + share * way[0], y: atom.y + share * way[1] };
        };
        found.push({ z: (3 * a.z + b.z) / 4, draw: (pen) => this.stick(pen, a, [from(a, 1), mid], dashed) });
        found.push({ z: (a.z + 3 * b.z) / 4, draw: (pen) => this.stick(pen, b, [from(b, -1), mid], dashed) });
      }
    return found;
  }

  stick(pen, atom, [start, end], dashed) {
    const width = 2 * STICK * atom.unit;
    pen.save();
    pen.lineCap = "butt";
    if (dashed) pen.setLineDash([width * 0.9, width * 0.8]);
    for (const [colour, part] of [[shade(atom.colour, -0.45), 1.25], [shade(atom.colour, -0.08), 0.85]]) {
      if (dashed && part > 1) continue;
      Object.assign(pen, { strokeStyle: colour, lineWidth: width * part * (dashed ? 0.75 : 1) });
      pen.beginPath();
      pen.moveTo(start.x, start.y);
      pen.lineTo(end.x, end.y);
      pen.stroke();
    }
    pen.restore();
  }

  ball(pen, atom, sharp) {
    const light = pen.createRadialGradient(atom.x - 0.35 * atom.r, atom.y - 0.4 * atom.r, 0.05 * atom.r, atom.x, atom.y, atom.r);
    light.addColorStop(0, shade(atom.colour, 0.6));
    light.addColorStop(0.45, atom.colour);
    light.addColorStop(1, shade(atom.colour, -0.5));
    pen.beginPath();
    pen.arc(atom.x, atom.y, atom.r, 0, 7);
    pen.fillStyle = light;
    pen.fill();
    const marked = this.picked.includes(atom.i);
    Object.assign(pen, { lineWidth: (marked ? 3 : 0.8) * sharp, strokeStyle: marked ? this.mark : shade(atom.colour, -0.62) });
    pen.stroke();
    if (!this.numbered && atom.symbol === "H") return;
    const font = `600 ${Math.max(9 * sharp, 0.72 * atom.r)}px system-ui, sans-serif`;
    Object.assign(pen, { textAlign: "center", textBaseline: "middle", font });
    pen.fillStyle = bright(atom.colour) ? "#111" : "#fff";
    pen.fillText(atom.symbol + (this.numbered ? atom.i + 1 : ""), atom.x, atom.y + 0.04 * atom.r);
  }

  // dotted lines between the atoms that are measured
  links(pen, sharp) {
    const chosen = this.picked.map((i) => this.atoms[i]).filter(Boolean);
    if (chosen.length < 2) return;
    pen.save();
    Object.assign(pen, { strokeStyle: this.mark, lineWidth: 2 * sharp });
    pen.setLineDash([2 * sharp, 4 * sharp]);
    pen.beginPath();
    chosen.forEach((atom, k) => (k ? pen.lineTo(atom.x, atom.y) : pen.moveTo(atom.x, atom.y)));
    pen.stroke();
    pen.restore();
  }

  listen() {
    const held = new Map();
    let moved = 0, spread = 0;
    this.canvas.addEventListener("pointerdown", (event) => {
      held.set(event.pointerId, [event.clientX, event.clientY]);
      this.canvas.setPointerCapture(event.pointerId);
      moved = 0;
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) return;
      const step = [event.clientX - before[0], event.clientY - before[1]];
      held.set(event.pointerId, [event.clientX, event.clientY]);
      moved += Math.abs(step[0]) + Math.abs(step[1]);
      if (held.size === 1) return this.turn(step[0] / 130, step[1] / 130);
      const [a, b] = [...held.values()], now = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (spread) this.scale(now / spread);
      spread = now;
    });
    for (const end of ["pointerup", "pointercancel"])
      this.canvas.addEventListener(end, (event) => {
        if (end === "pointerup" && held.size === 1 && moved < 5) this.pick(event);
        held.delete(event.pointerId);
        spread = 0;
      });
    this.canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== this.canvas) return; // a page that scrolls on must not be caught here
      event.preventDefault();
      this.scale(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    const keys = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
    this.canvas.addEventListener("keydown", (event) => {
      if (keys[event.key]) this.turn(...keys[event.key]);
      else if (event.key === "+" || event.key === "=") this.scale(1.15);
      else if (event.key === "-") this.scale(1 / 1.15);
      else if (event.key === "0") this.reset(), this.draw();
      else return;
      event.preventDefault();
    });
  }

  turn(right, down) {
    this.turned = times(about_x(down), times(about_y(right), this.turned));
    this.draw();
  }

  scale(by) {
    this.zoom = Math.min(8, Math.max(0.3, this.zoom * by));
    this.draw();
  }

  // an atom that is clicked is measured against those clicked before: two give a distance, three an angle, four a dihedral
  pick(event) {
    const box = this.canvas.getBoundingClientRect(), sharp = this.canvas.width / box.width;
    const [x, y] = [(event.clientX - box.left) * sharp, (event.clientY - box.top) * sharp];
    const under = this.atoms.filter((atom) => Math.hypot(atom.x - x, atom.y - y) < atom.r).sort((a, b) => b.z - a.z)[0];
    if (!under) this.picked = [];
    else if (this.picked.includes(under.i)) this.picked = this.picked.filter((i) => i !== under.i);
    else this.picked = this.picked.length < 4 ? [...this.picked, under.i] : [under.i];
    this.draw();
    this.measure();
  }

  measure() {
    const at = this.picked.map((i) => [0, 1, 2].map((k) => this.places[3 * i + k]));
    const names = this.picked.map((i) => this.elements[this.numbers[i]][0] + (i + 1)).join("–");
    const measures = {
      2: () => `${length(minus(at[0], at[1])).toFixed(3)} Å`,
      3: () => `${angle(...at).toFixed(1)}°`,
      4: () => `${dihedral(...at).toFixed(1)}°`,
    };
    const value = at.length in measures ? measures[at.length]() : "";
    this.said(names ? `${names}${value ? `: ${value}` : ""}` : "");
  }
}

const minus = (a, b) => a.map((value, k) => value - b[k]);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const length = (a) => Math.sqrt(dot(a, a));
const degrees = (radians) => (radians * 180) / Math.PI;
const unit = (a) => a.map((value) => value / length(a));
const angle = (a, b, c) => degrees(Math.acos(Math.max(-1, Math.min(1, dot(unit(minus(a, b)), unit(minus(c, b)))))));
const times = (a, b) => a.map((_, n) => dot(a.slice(n - (n % 3), n - (n % 3) + 3), [b[n % 3], b[3 + (n % 3)], b[6 + (n % 3)]]));

const about_x = (a) => [1, 0, 0, 0, Math.cos(a), -Math.sin(a), 0, Math.sin(a), Math.cos(a)];
const about_y = (a) => [Math.cos(a), 0, Math.sin(a), 0, 1, 0, -Math.sin(a), 0, Math.cos(a)];

function dihedral(a, b, c, d) {
  const axis = minus(c, b), first = cross(minus(b, a), axis), second = cross(axis, minus(d, c));
  return degrees(Math.atan2(dot(cross(first, second), axis) / length(axis), dot(first, second)));
}

function centred(places) {
  const middle = [0, 1, 2].map((k) => places.reduce((sum, value, n) => sum + (n % 3 === k ? value : 0), 0) / (places.length / 3));
  return Array.from(places, (value, n) => value - middle[n % 3]);
}

function extent(places) {
  let most = 0;
  for (let n = 0; n < places.length; n += 3) most = Math.max(most, Math.hypot(places[n], places[n + 1], places[n + 2]));
  return most + 0.7;
}

const channels = (colour) => [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
const bright = (colour) => dot(channels(colour), [0.3, 0.59, 0.11]) > 150;
const shade = (colour, by) => `rgb(${channels(colour).map((v) => Math.round(by > 0 ? v + (255 - v) * by : v * (1 + by))).join(",")})`;
