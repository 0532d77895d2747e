// STOP, and the switch to arm. STOP goes out when the finger comes down, not when it is lifted.

import { say } from "./draw.js";

const ALIVE_MS = 250, AT_REST_MS = 1000;

export class Controls {
  /** @param link the connection; @param fresh whether the picture is of now */
  constructor(link, fresh) {
    Object.assign(this, { link, fresh, mine: false, armed: false, aliveAt: 0, shownAt: 0, restsSince: Infinity, mayArm: false });
    const by = (name) => document.getElementById(name);
    this.parts = { stop: by("stop"), take: by("take"), arm: by("arm"), word: by("arm-word"), back: by("return"), says: by("switch-says") };
    this.parts.stop.addEventListener("pointerdown", (event) => {
      if (event.button === 0) this.stop();
    });
    this.parts.stop.addEventListener("click", (event) => {
      if (event.detail === 0) this.stop(); // Enter, or a screen reader
    });
    document.addEventListener("keydown", (event) => this.key(event), { capture: true });
    this.parts.take.addEventListener("click", () => this.ask("lease"));
    this.parts.back.addEventListener("click", () => this.ask("return"));
    this.parts.arm.addEventListener("pointerdown", () => { this.mayArm = this.atRest(); });
    this.parts.arm.addEventListener("click", (event) => this.turn(event.detail === 0 || this.mayArm));
    // Who does not look must not hold the hand armed.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && this.mine) this.ask("return");
    });
    const alive = () => {
      requestAnimationFrame(alive);
      if (!this.mine || performance.now() - this.aliveAt < ALIVE_MS || !this.fresh()) return;
      this.aliveAt = performance.now();
      this.link.ask({ ask: "alive" });
    };
    requestAnimationFrame(alive);
  }

  key(event) {
    if ((event.key !== " " && event.key !== "Escape") || document.activeElement?.id === "token") return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.stop();
  }

  stop() {
    const sent = this.link.ask({ ask: "stop" });
    this.parts.stop.classList.add("pressed");
    setTimeout(() => this.parts.stop.classList.remove("pressed"), 300);
    if (!sent || this.parts.stop.disabled) say(this.parts.says, "STOP does not reach the run: use the switch at the hand.");
  }

  /** The one button of the switch: it arms where nobody can have meant anything else, and disarms otherwise. */
  turn(wasAtRest) {
    const arms = wasAtRest && this.atRest(), wasArmed = this.armed;
    this.mayArm = false;
    this.ask(arms ? "arm" : "disarm");
    if (!arms && !wasArmed && this.parts.says.textContent === "") {
      say(this.parts.says, "Not armed: the state has only just changed. Press again.");
    }
  }

  /** The state is of now, and has not been "armed" for a second. */
  atRest() { return this.fresh() && performance.now() - this.restsSince >= AT_REST_MS; }

  /** Since when pictures without a gap have shown a hand that is not armed. */
  rest(tick, why) {
    const now = performance.now(), gap = now - this.shownAt >= AT_REST_MS;
    this.shownAt = now;
    if (!tick || tick.state === "armed" || why !== "" || !this.fresh()) this.restsSince = Infinity;
    else if (gap || this.restsSince === Infinity) this.restsSince = now;
  }

  ask(what) {
    say(this.parts.says, this.link.ask({ ask: what }) ? "" : "There is no connection.");
  }

  show({ switch: { mine, taken }, answers = [], tick, why }, run) {
    this.mine = mine;
    this.armed = tick?.state === "armed";
    this.rest(tick, why);
    const { take, arm, word, back, says } = this.parts;
    const focused = [take, arm, back].includes(document.activeElement);
    take.hidden = mine;
    arm.hidden = back.hidden = !mine;
    take.disabled = taken || why !== "" || !run?.hand;
    arm.setAttribute("aria-checked", String(this.armed));
    say(word, this.armed ? "It may move" : "Arm the hand");
    if (focused && document.activeElement === document.body) (mine ? arm : take).focus();
    for (const [, granted, text] of answers) say(says, granted ? "" : `Not possible: ${text}.`);
    if (says.textContent === "" && taken) say(says, "Another page has the switch.");
    else if (says.textContent === "Another page has the switch." && !taken) say(says, "");
  }
}
