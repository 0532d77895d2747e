// Rows with a bar: scores against their thresholds, joints between their limits.

import { element, say } from "./draw.js";

function row(name) {
  const made = element("div", "row"), track = element("div", "track"), value = element("span", "value");
  made.setAttribute("role", "listitem");
  const label = element("span", "name", name);
  label.title = name;
  made.append(label, track, value);
  return { made, track, value, label };
}

function mark(kind, share) {
  const made = element("div", `mark ${kind}`);
  made.style.left = `${100 * share}%`;
  return made;
}

export class Scores {
  constructor(list, action, reason) { Object.assign(this, { list, action, reason, rows: [] }); }

  begin(run) {
    this.run = run;
    this.rows = run.actions.map((name, k) => {
      const one = row(name);
      one.fill = element("div", "fill");
      one.track.append(one.fill);
      if (name !== run.rest) one.track.append(mark("off", run.off[k]), mark("on", run.on[k]));
      return one;
    });
    this.list.replaceChildren(...this.rows.map((one) => one.made));
  }

  show(decided) {
    if (!decided) return;
    decided.probabilities.forEach((p, k) => {
      const { made, fill, value } = this.rows[k], active = decided.action === this.run.actions[k];
      fill.style.transform = `scaleX(${p ?? 0})`;
      say(value, p === null ? "–" : p.toFixed(2));
      made.classList.toggle("active", active);
    });
    const k = this.run.actions.indexOf(decided.action);
    say(this.action, k < 0 ? "no action" : `▶ ${this.run.commands[k]}`);
    say(this.reason, decided.reason);
  }
}

export class Hand {
  constructor(list, state, link) { Object.assign(this, { list, state, link, rows: [] }); }

  begin(run) {
    this.run = run;
    this.rows = run.joints.map((joint) => {
      const one = row(/^\d+$/.test(joint.name) ? `joint ${joint.name}` : joint.name);
      one.dot = element("div", "dot");
      one.dot.hidden = true;
      one.track.append(one.dot);
      return one;
    });
    this.list.replaceChildren(...this.rows.map((one) => one.made));
    say(this.state, run.hand === null ? "no hand: decisions are only shown" : "nothing heard yet");
    say(this.link, run.on_link_loss ? `when the link is lost it ${run.on_link_loss}` : "");
  }

  show(hand) {
    if (!hand) return;
    const why = hand.fault === "NONE" ? "" : `: ${hand.why}`, driven = hand.attached ? "motors driven" : "motors off";
    say(this.state, `${this.run.hand.split(",")[0]}: ${hand.state}${why}, ${driven}`);
    this.rows.forEach(({ dot, value }, k) => {
      const { low, high, unit } = this.run.joints[k], at = hand.positions[k] ?? null;
      const warm = hand.temperatures_c[k] ?? null;
      dot.hidden = at === null;
      if (at !== null) dot.style.left = `${100 * Math.max(0, Math.min(1, (at - low) / (high - low || 1)))}%`;
      say(value, (at === null ? "–" : `${at} ${unit === "counts" ? "" : unit}`) + (warm === null ? "" : ` ${warm}°`));
    });
    const { sent, retries, unanswered, bad_frames: bad } = hand.link;
    if (sent === undefined) return;
    say(this.link, `sent ${sent}, repeated ${retries ?? 0}, unanswered ${unanswered ?? 0}, bad ${bad ?? 0}; ` +
      `when the link is lost it ${this.run.on_link_loss ?? "is not known what it does"}`);
  }
}
