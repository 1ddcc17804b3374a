// Pictures that are zoomed and moved together. Props: frames ({label, picture}), before, status.
const lens = element.querySelector(".lens");
const group = lens.dataset.group, together = lens.dataset.together === "True";
const { view, draw, zoom, move, held } = window.vibegrade;

function figure() {
  const made = document.createElement("figure");
  made.innerHTML = '<div class="view" tabindex="0" role="img"><img class="after" alt="" draggable="false"><img class="before" alt="" draggable="false"></div><figcaption></figcaption>';
  listen(made.querySelector(".view"));
  return made;
}

function listen(box) {
  let dragging = false;
  const at = (event) => {
    const area = box.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  };
  box.addEventListener("dblclick", (event) => zoom(group, view(group).scale > 1 ? 1 : 3, ...at(event)));
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && view(group).scale === 1) return;
    event.preventDefault();
    zoom(group, view(group).scale * Math.exp(-event.deltaY / 300), ...at(event));
  }, { passive: false });
  box.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    dragging = view(group).scale > 1;
    if (dragging) { box.setPointerCapture(event.pointerId); event.preventDefault(); }
    else if (event.pointerType === "mouse") held(true);
  });
  box.addEventListener("pointermove", (event) => {
    if (!dragging) return;
    const area = box.getBoundingClientRect();
    move(group, event.movementX / area.width, event.movementY / area.height);
  });
  for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => { dragging = false; });
  const steps = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
  box.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") zoom(group, view(group).scale * 1.5);
    else if (event.key === "-") zoom(group, view(group).scale / 1.5);
    else if (steps[event.key] && view(group).scale > 1) move(group, ...steps[event.key]);
    else return;
    event.preventDefault();
  });
}

async function decoded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

function status(words) {
  lens.querySelector(".lens-status").textContent = words || "";
  lens.dataset.state = words ? "message" : "ready";
}

// Nothing is shown before everything is decoded, so that no side has a head start; a late answer never wins.
let latest = 0;
async function show() {
  const mine = ++latest, frames = (props.frames || []).filter((frame) => frame.picture);
  lens.toggleAttribute("data-empty", !frames.length);
  if (!frames.length || together) status(props.status || (frames.length ? "Loading the pictures…" : ""));
  if (!frames.length) return lens.querySelector(".lens-frames").replaceChildren();
  let images;
  try { images = await Promise.all(frames.map((frame) => decoded(frame.picture))); }
  catch { if (mine === latest) status("A picture could not be loaded; open the page again."); return; }
  if (mine !== latest) return;
  const holder = lens.querySelector(".lens-frames");
  while (holder.children.length > frames.length) holder.lastChild.remove();
  while (holder.children.length < frames.length) holder.append(figure());
  lens.style.setProperty("--ratio", images[0].naturalWidth / images[0].naturalHeight);
  lens.style.setProperty("--count", frames.length);
  frames.forEach((frame, i) => {
    const made = holder.children[i];
    made.querySelector(".after").src = frame.picture;
    made.querySelector(".before").src = frame.original === false ? frame.picture : props.before || frame.picture;
    made.querySelector(".view").setAttribute("aria-label", frame.label || "Graded picture");
    made.querySelector("figcaption").textContent = frame.label || "";
  });
  status("");
  draw(group);
  if (together) requestAnimationFrame(() => requestAnimationFrame(() => { if (mine === latest) trigger("shown"); }));
}
watch(["frames", "before", "status"], show);
show();
