// How long ticks took, and the deadline. Both axes are logarithmic: what matters is the rare long one.

import { canvasOf, colours, say } from "./draw.js";

const HEIGHT = 130, FOOT = 18;

export class Latency {
  constructor(canvas, says) { Object.assign(this, { canvas, says, shown: -1 }); }

  begin(run) {
    this.run = run;
    this.shown = -1;
  }

  show({ ticks, missed, p50_us: p50, p99_us: p99, max_us: max, counts }, lost) {
    if (!ticks || (ticks - this.shown < 10 && ticks > 20)) return;
    this.shown = ticks;
    const { ctx, width } = canvasOf(this.canvas, HEIGHT);
    const paint = colours(), edges = this.run.buckets_us, most = Math.log1p(Math.max(...counts));
    const at = (us) => width * (1 + 2 * Math.log2(us / edges[0])) / counts.length;
    const bar = width / counts.length, tall = HEIGHT - FOOT;
    ctx.clearRect(0, 0, width, HEIGHT);
    ctx.fillStyle = paint.bar;
    counts.forEach((count, k) => {
      const high = tall * Math.log1p(count) / most;
      ctx.fillRect(k * bar + 1, tall - high, bar - 2, high);
    });
    ctx.fillStyle = paint.soft;
    ctx.font = "12px system-ui, sans-serif";
    ctx.textAlign = "center";
    for (const [us, text] of [[100, "0.1"], [1000, "1"], [10000, "10"], [100000, "100 ms"]]) {
      ctx.fillText(text, at(us), HEIGHT - 4);
    }
    const deadline = at(this.run.tick_ms * 1000);
    ctx.strokeStyle = ctx.fillStyle = paint.ink;
    ctx.lineWidth = 2;
    ctx.setLineDash([5, 3]);
    ctx.beginPath();
    ctx.moveTo(deadline, 0);
    ctx.lineTo(deadline, tall);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.textAlign = deadline > width / 2 ? "right" : "left";
    ctx.fillText("deadline", deadline + (deadline > width / 2 ? -5 : 5), 12);
    const ms = (us) => `${Number((us / 1000).toPrecision(2))} ms`;
    say(this.says, `half below ${ms(p50)}, 99 % below ${ms(p99)}, longest ${ms(max)}; ` +
      `${missed} of ${ticks} ticks missed the deadline of ${this.run.tick_ms} ms` +
      (lost ? `; ${lost} ticks were not seen here` : ""));
  }
}
