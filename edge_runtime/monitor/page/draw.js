// What all canvases share: sharp pixels, and the colours of the style sheet.

/** A context scaled to CSS pixels. Returns {ctx, width, height, changed}. */
export function canvasOf(canvas, height) {
  const width = Math.round(canvas.clientWidth), ratio = window.devicePixelRatio || 1;
  const changed = canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio);
  if (changed) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { ctx, width, height, changed };
}

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return Object.fromEntries(
    ["card", "ink", "soft", "line", "fault", "trace", "bar", "stop"].map((name) => [name, of(name)]));
}

export function element(kind, className, text = "") {
  const made = document.createElement(kind);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Touches the page only where something changed: what is watched by a screen reader must not chatter. */
export function say(where, text) {
  if (where.textContent !== text) where.textContent = text;
}
