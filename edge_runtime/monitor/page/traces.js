// Traces in sweeps from left to right, as on a bedside monitor: a picture costs only its new columns.

import { canvasOf, colours } from "./draw.js";

const LABEL = 64, AHEAD = 8, MARKS = ["", "▲", "▬", "≈", "■", "▁"];
const SHOWN_S = { wide: 8, narrow: 4 };
const SETTLES_S = [0.3, 1, 2.5];

export class Traces {
  constructor(canvas) {
    this.canvas = canvas;
    this.zoom = 1;
    this.faults = [];
    this.wanted = "filtered";
    new ResizeObserver(() => this.fit()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  begin(run) {
    this.run = run;
    this.faults = [];
    this.clear(this.wanted);
  }

  /** Forget what was shown; the next columns are of this mode. */
  clear(mode) {
    this.wanted = mode;
    if (!this.run) return;
    this.mode = this.run.modes[mode];
    this.n = this.run.channels.length;
    this.first = null;
    this.newest = -1;
    this.settled = 0;
    this.fit();
  }

  fit() {
    if (!this.run) return;
    const wide = this.canvas.clientWidth > 600;
    const height = Math.max(220, this.n * (wide ? 21 : 16)) + 8;
    const { changed } = canvasOf(this.canvas, height);
    const cap = Math.round((wide ? SHOWN_S.wide : SHOWN_S.narrow) / this.mode.column_s);
    if (cap !== this.cap || this.low?.length !== cap * this.n) {
      this.cap = cap;
      this.low = new Float32Array(cap * this.n).fill(NaN);
      this.high = new Float32Array(cap * this.n).fill(NaN);
      this.first = null;
    } else if (this.first === null) {
      this.low.fill(NaN);
      this.high.fill(NaN);
    }
    this.row = (height - 8) / this.n;
    if (changed || this.first === null) this.redraw();
  }

  take(traces) {
    if (!this.run || traces.mode !== this.wanted || !traces.columns.length) return;
    const before = this.newest;
    traces.columns.forEach((column, i) => this.keep(traces.first + i, column));
    if (this.first === null) this.first = traces.first;
    const seen = (this.newest - this.first) * this.mode.column_s;
    const wrapped = Math.floor(before / this.cap) !== Math.floor(this.newest / this.cap);
    if (wrapped || this.newest - before >= this.cap || seen >= SETTLES_S[this.settled]) {
      this.settled += 1;
      this.measure();
      this.redraw();
    } else {
      this.paint(before, this.newest);
    }
  }

  keep(number, column) {
    const place = (number % this.cap) * this.n;
    for (let k = 0; k < this.n; k++) {
      this.low[place + k] = column ? column[0][k] * this.mode.scale : NaN;
      this.high[place + k] = column ? column[1][k] * this.mode.scale : NaN;
    }
    this.newest = number;
  }

  /** Middle of each trace and the common height, by the newest second or so. */
  measure() {
    const columns = Math.min(this.cap, this.newest - this.first + 1, Math.round(1.5 / this.mode.column_s));
    this.middle = new Float32Array(this.n);
    const spreads = [];
    for (let k = 0; k < this.n; k++) {
      let sum = 0, count = 0;
      const at = (j) => ((this.newest - j) % this.cap) * this.n + k;
      for (let j = 0; j < columns; j++) {
        if (Number.isNaN(this.low[at(j)])) continue;
        sum += this.low[at(j)] + this.high[at(j)];
        count += 2;
      }
      this.middle[k] = count ? sum / count : 0;
      let spread = 0;
      for (let j = 0; j < columns; j++) {
        if (Number.isNaN(this.low[at(j)])) continue;
        spread += Math.abs(this.low[at(j)] - this.middle[k]) + Math.abs(this.high[at(j)] - this.middle[k]);
      }
      if (count && !this.faults[k]) spreads.push(spread / count);
    }
    spreads.sort((a, b) => a - b);
    const typical = spreads[Math.floor(spreads.length / 2)] || 1;
    const wanted = 6 * typical;
    if (!this.height || wanted > this.height || wanted < this.height / 2) this.height = nice(wanted);
  }

  /** Units that one row is high. */
  get rowUnits() { return (this.height || 1) / this.zoom; }

  redraw() {
    if (!this.run || !this.row) return;
    const { ctx, width, height } = canvasOf(this.canvas, (this.row * this.n) + 8);
    this.colours = colours();
    ctx.fillStyle = this.colours.card;
    ctx.fillRect(0, 0, width, height);
    this.label();
    if (this.first === null) return;
    this.paint(Math.max(this.first, this.newest - this.cap + AHEAD) - 1, this.newest);
  }

  label() {
    const { ctx } = canvasOf(this.canvas, (this.row * this.n) + 8);
    ctx.fillStyle = this.colours.card;
    ctx.fillRect(0, 0, LABEL, this.row * this.n + 8);
    ctx.font = `${Math.min(13, this.row - 1)}px system-ui, sans-serif`;
    ctx.textBaseline = "middle";
    this.run.channels.forEach((name, k) => {
      ctx.fillStyle = this.faults[k] ? this.colours.fault : this.colours.ink;
      ctx.fillText(`${name} ${MARKS[this.faults[k] || 0]}`, 2, 4 + (k + 0.5) * this.row, LABEL - 4);
    });
  }

  quality(faults) {
    if (faults.length === this.faults.length && faults.every((fault, k) => fault === this.faults[k])) return false;
    this.faults = faults;
    if (this.run && this.colours) this.label();
    return true;
  }

  paint(after, until) {
    if (!this.middle) return;
    const { ctx, width } = canvasOf(this.canvas, (this.row * this.n) + 8);
    const step = (width - LABEL) / this.cap, x = (number) => LABEL + (number % this.cap) * step;
    const y = (value, k) => {
      const rows = Math.max(-1.2, Math.min(1.2, (value - this.middle[k]) / this.rowUnits));
      return 4 + (k + 0.5 - rows) * this.row;
    };
    const from = Math.max(after + 1, until - this.cap + 1);
    ctx.fillStyle = this.colours.card;
    for (let number = from; number <= until + AHEAD; number++) {
      ctx.fillRect(x(number), 0, step + 1, this.row * this.n + 8);
    }
    for (const faulty of [false, true]) {
      ctx.strokeStyle = faulty ? this.colours.fault : this.colours.trace;
      ctx.lineWidth = 1;
      ctx.beginPath();
      for (let k = 0; k < this.n; k++) {
        if (Boolean(this.faults[k]) !== faulty) continue;
        let drawn = false;
        for (let number = from - 1; number <= until; number++) {
          const place = (number % this.cap) * this.n + k, low = this.low[place];
          if (number < 0 || Number.isNaN(low) || (number % this.cap) === 0) drawn = false;
          if (number < 0 || Number.isNaN(low)) continue;
          const at = x(number) + step / 2;
          if (drawn) ctx.lineTo(at, y(low, k)); else ctx.moveTo(at, y(low, k));
          ctx.lineTo(at, y(this.high[place], k));
          drawn = true;
        }
      }
      ctx.stroke();
    }
    ctx.fillStyle = this.colours.soft;
    ctx.fillRect(x(until) + step + 1, 0, 1, this.row * this.n + 8);
  }
}

/** 1, 2 or 5 times a power of ten, at least so much. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((digit) => digit * power >= value) * power;
}
