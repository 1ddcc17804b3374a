// The before/after picture. Props: value (graded, data URL), before (original, data URL), problem (a sentence).
const stage = element.querySelector(".stage");
const frame = stage.querySelector(".frame");
const before = stage.querySelector("img.before");
const after = stage.querySelector("img.after");
const split = stage.querySelector(".split");
const hold = stage.querySelector(".hold");
const problem = stage.querySelector("p.problem");

// A picture replaces the shown one only when it is decoded: no flicker, and a late one never wins.
const latest = new Map();
async function show(img, url) {
  if (!url || latest.get(img) === url) return;
  latest.set(img, url);
  const next = new Image();
  next.src = url;
  try { await next.decode(); } catch { return; }
  if (latest.get(img) !== url) return;
  img.src = url;
  if (img === before) frame.style.setProperty("--ratio", next.naturalWidth / next.naturalHeight);
  if (stage.dataset.state === "empty") stage.dataset.state = "ready";
}

function moveTo(percent) {
  const value = Math.min(100, Math.max(0, percent));
  split.value = value;
  frame.style.setProperty("--split", value + "%");
}
split.addEventListener("input", () => moveTo(Number(split.value)));

function setMode(mode) {
  stage.dataset.mode = mode;
  for (const button of stage.querySelectorAll(".mode")) button.setAttribute("aria-pressed", button.dataset.mode === mode);
}
for (const button of stage.querySelectorAll(".mode")) button.addEventListener("click", () => setMode(button.dataset.mode));

const held = (on) => stage.classList.toggle("held", on);
let dragging = false;
frame.addEventListener("pointerdown", (event) => {
  if (stage.dataset.state !== "ready" || event.button) return;
  frame.setPointerCapture(event.pointerId);
  event.preventDefault();
  if (stage.dataset.mode === "graded") return held(true);
  dragging = true;
  split.focus({ preventScroll: true });
  follow(event);
});
function follow(event) {
  const box = frame.getBoundingClientRect();
  moveTo(((event.clientX - box.left) / box.width) * 100);
}
frame.addEventListener("pointermove", (event) => { if (dragging) follow(event); });
for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
  frame.addEventListener(end, () => { dragging = false; held(false); });

hold.addEventListener("pointerdown", (event) => { hold.setPointerCapture(event.pointerId); held(true); });
for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) hold.addEventListener(end, () => held(false));
hold.addEventListener("keydown", (event) => {
  if (event.key === " " || event.key === "Enter") { event.preventDefault(); held(true); }
});
hold.addEventListener("keyup", () => held(false));
const typing = (target) => target.closest?.("textarea, select, [contenteditable], input:not([type=range]):not([type=checkbox])");
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "o" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target)) held(true);
});
document.addEventListener("keyup", (event) => { if (event.key.toLowerCase() === "o") held(false); });
window.addEventListener("blur", () => held(false));

stage.querySelector(".choose").addEventListener("click", () => window.vibegrade.choose());

const refresh = () => {
  show(before, props.before);
  show(after, props.value);
  problem.textContent = props.problem || "";
  problem.hidden = !props.problem;
};
// Names without quotes: gr.HTML takes every quoted word of this script for an event.
watch(Object.keys({ value: 0, before: 0, problem: 0 }), refresh);
moveTo(50);
refresh();
