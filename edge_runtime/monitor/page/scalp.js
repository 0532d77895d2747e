// Amplitude on a head seen from above. Colours rise in lightness, so they read without hue too.

import { canvasOf, colours } from "./draw.js";

const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const SIDE = 56, REACH = 1.08;

export class Scalp {
  constructor(part, canvas, says) {
    Object.assign(this, { part, canvas, says });
    this.image = new ImageData(SIDE, SIDE);
    this.small = document.createElement("canvas");
    this.small.width = this.small.height = SIDE;
  }

  begin(run) {
    this.run = run;
    this.part.hidden = run.places.length === 0;
  }

  show(amplitudes, faults) {
    if (!amplitudes || this.part.hidden) return;
    const good = this.run.places
      .map(([column, x, y], i) => ({ x, y, value: amplitudes[i], bad: faults[column] }));
    const values = good.filter((one) => !one.bad).map((one) => one.value).sort((a, b) => a - b);
    if (!values.length) return;
    const low = values[0], high = values[values.length - 1];
    this.colour(good.filter((one) => !one.bad), low, high - low || 1);
    const size = Math.round(this.canvas.clientWidth);
    const { ctx } = canvasOf(this.canvas, size);
    const paint = colours(), middle = size / 2, radius = size / 2 / 1.18;
    ctx.clearRect(0, 0, size, size);
    ctx.save();
    ctx.beginPath();
    ctx.arc(middle, middle, radius * REACH, 0, 2 * Math.PI);
    ctx.clip();
    ctx.drawImage(this.small, middle - radius * REACH, middle - radius * REACH, 2 * radius * REACH, 2 * radius * REACH);
    ctx.restore();
    outline(ctx, middle, radius, paint.soft);
    for (const { x, y, bad } of good) {
      const at = [middle + x * radius, middle - y * radius];
      ctx.beginPath();
      if (bad) {
        ctx.moveTo(at[0] - 4, at[1] - 4); ctx.lineTo(at[0] + 4, at[1] + 4);
        ctx.moveTo(at[0] + 4, at[1] - 4); ctx.lineTo(at[0] - 4, at[1] + 4);
        ctx.strokeStyle = "#fff"; ctx.lineWidth = 5; ctx.stroke();
        ctx.strokeStyle = "#a84300"; ctx.lineWidth = 2.5; ctx.stroke();
      } else {
        ctx.arc(at[0], at[1], 2.5, 0, 2 * Math.PI);
        ctx.fillStyle = "#000"; ctx.fill();
        ctx.strokeStyle = "#fff"; ctx.lineWidth = 1; ctx.stroke();
      }
    }
    const text = `Standard deviation of the last second, filtered: dark ${round(low)}, bright ${round(high)} ${this.run.unit}; ✕ is not believed`;
    if (this.says.textContent !== text) this.says.textContent = text;
  }

  /** Every pixel is the mean of the electrodes, weighted by the inverse square of their distance. */
  colour(electrodes, low, range) {
    const data = this.image.data;
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const x = ((column + 0.5) / SIDE * 2 - 1) * REACH, y = (1 - (row + 0.5) / SIDE * 2) * REACH;
        let sum = 0, weights = 0;
        for (const one of electrodes) {
          const weight = 1 / ((x - one.x) ** 2 + (y - one.y) ** 2 + 0.003) ** 1.5;
          sum += weight * one.value;
          weights += weight;
        }
        const rgb = viridis((sum / weights - low) / range);
        data.set([...rgb, 255], (row * SIDE + column) * 4);
      }
    }
    this.small.getContext("2d").putImageData(this.image, 0, 0);
  }
}

function outline(ctx, middle, radius, colour) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.arc(middle, middle, radius * REACH, 0, 2 * Math.PI);
  ctx.moveTo(middle - 9, middle - radius * REACH + 1);
  ctx.lineTo(middle, middle - radius * REACH - 9);
  ctx.lineTo(middle + 9, middle - radius * REACH + 1);
  ctx.stroke();
}

function viridis(share) {
  const at = Math.max(0, Math.min(0.9999, share)) * (VIRIDIS.length - 1), i = Math.floor(at);
  return VIRIDIS[i].map((from, k) => Math.round(from + (VIRIDIS[i + 1][k] - from) * (at - i)));
}

function round(value) { return Number(value.toPrecision(2)); }
