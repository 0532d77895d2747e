// Puts the parts together: pictures in, each part its share; and never an old picture that looks alive.

import { Controls } from "./controls.js";
import { element, say } from "./draw.js";
import { Latency } from "./latency.js";
import { Link } from "./link.js";
import { Hand, Scores } from "./rows.js";
import { Scalp } from "./scalp.js";
import { Traces } from "./traces.js";

const by = (name) => document.getElementById(name);
const MOST_LINES = 60, SILENT_S = 1, LOST_S = 1;
const MARKS = { starting: "…", disarmed: "○", armed: "●", stopped: "■" };

const link = new Link({ picture, refused, kept, over });
const controls = new Controls(link, () => freshness() === "live");
const traces = new Traces(by("traces"));
const scalp = new Scalp(by("scalp-part"), by("scalp"), by("scalp-says"));
const scores = new Scores(by("scores"), by("action"), by("reason"));
const hand = new Hand(by("joints"), by("hand-state"), by("hand-link"));
const latency = new Latency(by("latency"), by("timing-says"));
let run = null, newest = null, pictures = 0, keptWhy = "", isOver = false;

function picture(told) {
  newest = told;
  keptWhy = "";
  if (told.run) begin(told.run);
  if (told.run && told.traces.mode !== traces.wanted) show(traces.wanted);
  freshness();
  controls.show(told, run);
  if (!run) return;
  const { tick, faults, decided } = told;
  if (tick) {
    document.body.dataset.state = tick.state;
    say(by("state-mark"), MARKS[tick.state]);
    say(by("state-word"), stateWords(tick));
  }
  if (faults && traces.quality(faults)) quality(faults);
  traces.take(told.traces);
  say(by("scale"), traces.height ? `a row is ${Number(traces.rowUnits.toPrecision(2))} ${run.unit}` : "");
  scores.show(decided);
  hand.show(told.hand);
  latency.show(told.timing, told.lost);
  if (pictures % 4 === 0) scalp.show(told.scalp, faults ?? []);
  lines(told.lines);
  pictures += 1;
}

function begin(opening) {
  run = opening;
  pictures = 0;
  const more = run.n_channels > run.channels.length ? `, the first ${run.channels.length} shown` : "";
  say(by("run"), `${run.bundle} (${run.sha256}) on ${run.source}: ${run.n_channels} channels at ${run.rate_hz} Hz${more}; arming: ${run.arming ?? "nobody"}`);
  by("run").title = by("run").textContent;
  for (const part of [traces, scalp, scores, hand, latency]) part.begin(run);
  by("lines").replaceChildren();
  by("quality").className = "";
  say(by("quality"), "not looked at yet");
}

function stateWords({ state, stopped_by: by, source_lost: source, hand_lost: lost, doubt }) {
  const why = state === "stopped" && by ? `: ${by}` : "";
  const troubles = [source && "amplifier lost", lost && "hand lost", doubt].filter(Boolean).join("; ");
  return state.toUpperCase() + why + (troubles ? ` (${troubles})` : "");
}

function quality(faults) {
  const bad = faults.flatMap((fault, k) => fault ? [`${run.channels[k] ?? `channel ${k + 1}`} ${run.faults[fault]}`] : []);
  const shown = bad.length > 8 ? [...bad.slice(0, 8), `${bad.length - 8} more`] : bad;
  by("quality").className = bad.length ? "faulty" : "";
  say(by("quality"), bad.length ? `⚠ ${bad.length} of ${run.n_channels} not to be believed: ${shown.join(", ")}` : `all ${run.n_channels} look well`);
}

function lines(fresh) {
  for (const [, seconds, level, text] of fresh) {
    const line = element("li", ["warning", "error", "critical"].includes(level) ? "loud" : "");
    line.append(element("time", "", `${seconds.toFixed(2)} s`), text);
    by("lines").prepend(line);
  }
  while (by("lines").childElementCount > MOST_LINES) by("lines").lastElementChild.remove();
}

/** Says how old the picture is, and greys it when it is not of now. Returns "live" when it is. */
function freshness() {
  const lost = link.ageS > LOST_S, silent = newest && newest.silent_s > SILENT_S;
  let state = "live", words = "";
  if (isOver) [state, words] = ["lost", "NO CONNECTION to the monitor, and no more attempts. STOP does not work from here."];
  else if (keptWhy) [state, words] = ["lost", `Not let in now: ${keptWhy}. STOP does not work from here.`];
  else if (lost && newest === null) [state, words] = ["lost", "Connecting…"];
  else if (lost) [state, words] = ["lost", `NO CONNECTION to the monitor for ${age(link.ageS)}. STOP does not work from here.`];
  else if (newest?.why) [state, words] = ["ended", `NO RUN: ${newest.why}. STOP does not work from here. What is shown is ${age(newest.silent_s)} old.`];
  else if (silent) [state, words] = ["silent", `NO DATA from the run for ${age(newest.silent_s)}.`];
  else if (!run) [state, words] = ["silent", "Waiting for the run."];
  document.body.dataset.link = state;
  by("stop").disabled = lost || Boolean(newest?.why);
  by("banner").hidden = words === "";
  by("again").hidden = !isOver;
  say(by("banner-says"), words);
  return state;
}

function age(seconds) { return seconds < 10 ? `${seconds.toFixed(0)} s` : `${Math.round(seconds)} s`; }

function refused(why) {
  sessionStorage.removeItem("token");
  say(by("entrance-why"), why);
  entrance(true);
}

function kept(why) {
  keptWhy = why;
  freshness();
}

function over() {
  isOver = true;
  freshness();
}

function entrance(open) {
  by("entrance").hidden = !open;
  document.querySelector("main").hidden = open;
  by("banner").hidden = open || by("banner-says").textContent === "";
  if (open) by("token").focus();
}

function enter(token) {
  sessionStorage.setItem("token", token);
  entrance(false);
  isOver = false;
  link.open(token);
}

function show(mode) { link.ask({ ask: "show", filtered: mode === "filtered" }); }

by("entrance").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = by("token").value.trim();
  by("token").value = "";
  enter(token);
});
by("again").addEventListener("click", () => enter(link.token));
for (const mode of ["filtered", "raw"]) {
  by(mode).addEventListener("click", () => {
    for (const other of ["filtered", "raw"]) by(other).setAttribute("aria-pressed", String(other === mode));
    traces.clear(mode);
    show(mode);
  });
}
for (const [name, factor] of [["lower", 0.5], ["higher", 2]]) {
  by(name).addEventListener("click", () => {
    traces.zoom *= factor;
    traces.redraw();
  });
}
setInterval(() => by("entrance").hidden && freshness(), 250);

// The address holds the token only until it is read, so that it is in no history and on no screenshot.
window.addEventListener("hashchange", () => location.hash && location.reload());
const given = decodeURIComponent(location.hash.slice(1)) || sessionStorage.getItem("token");
history.replaceState(null, "", location.pathname);
if (given) enter(given); else entrance(true);
