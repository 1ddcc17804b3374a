// What the judging tabs share: the browser's random number, views that zoom together, keys, tabs and links.
(() => {
  const vibegrade = (window.vibegrade ||= {});

  // A random number stands for this browser; it is kept here and the server stores only a keyed hash of it.
  const KEY = "vibegrade-visitor";
  let fallback = "";
  vibegrade.visitor = () => {
    const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
    try {
      if (!localStorage.getItem(KEY)) localStorage.setItem(KEY, random());
      return localStorage.getItem(KEY);
    } catch { return (fallback ||= random()); }
  };
  vibegrade.asked = (name) => new URLSearchParams(location.search).get(name) || "";
  vibegrade.link = (name, value) => (value ? `${location.origin}${location.pathname}?${name}=${encodeURIComponent(value)}` : "");

  const tabs = () => [...document.querySelectorAll("#pages > .tab-wrapper button")];
  vibegrade.openTab = (title) => {
    const found = tabs().filter((button) => button.textContent.trim() === title && !button.closest("[aria-hidden=true]"));
    found.at(-1)?.click();
  };

  // Views: every picture of a group is zoomed and moved alike. Position in shares of the picture's size.
  const views = {};
  const CLOSEST = 8;
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  vibegrade.view = (group) => (views[group] ||= { scale: 1, x: 0, y: 0 });
  vibegrade.draw = (group) => {
    const view = vibegrade.view(group);
    view.x = clamp(view.x, 1 - view.scale, 0);
    view.y = clamp(view.y, 1 - view.scale, 0);
    for (const lens of document.querySelectorAll(`.lens[data-group="${group}"]`)) {
      lens.style.setProperty("--scale", view.scale);
      lens.style.setProperty("--x", view.x);
      lens.style.setProperty("--y", view.y);
      lens.classList.toggle("zoomed", view.scale > 1);
    }
    for (const button of document.querySelectorAll(`.lens-bar[data-group="${group}"] [data-zoom]`))
      button.setAttribute("aria-pressed", Number(button.dataset.zoom) === view.scale);
  };
  vibegrade.zoom = (group, scale, x = 0.5, y = 0.5) => {
    const view = vibegrade.view(group), next = clamp(scale, 1, CLOSEST);
    view.x = x - ((x - view.x) * next) / view.scale;
    view.y = y - ((y - view.y) * next) / view.scale;
    view.scale = next;
    vibegrade.draw(group);
  };
  vibegrade.move = (group, x, y) => {
    const view = vibegrade.view(group);
    view.x += x;
    view.y += y;
    vibegrade.draw(group);
  };

  const held = (on) => { for (const lens of document.querySelectorAll(".lens")) lens.classList.toggle("held", on); };
  document.addEventListener("click", (event) => {
    const zoom = event.target.closest?.(".lens-bar [data-zoom]");
    if (zoom) vibegrade.zoom(zoom.closest(".lens-bar").dataset.group, Number(zoom.dataset.zoom));
  });
  document.addEventListener("pointerdown", (event) => { if (event.target.closest?.(".lens-bar .hold")) held(true); });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => held(false));
  window.addEventListener("blur", () => held(false));
  vibegrade.held = held;

  const typing = (target) => target.closest?.("textarea, select, [contenteditable], input:not([type=range]):not([type=checkbox])");
  const plain = (event) => !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target);
  const onHold = (event) => event.target.closest?.(".lens-bar .hold") && (event.key === " " || event.key === "Enter");
  document.addEventListener("keydown", (event) => {
    if (onHold(event)) event.preventDefault();
    if (onHold(event) || (event.key.toLowerCase() === "o" && plain(event))) held(true);
    const button = plain(event) && !event.repeat && keyed(event.key);
    if (button) { event.preventDefault(); button.click(); }
  });
  document.addEventListener("keyup", (event) => { if (onHold(event) || event.key.toLowerCase() === "o") held(false); });

  // Buttons with the class key-X are pressed by the key X while they are on the page and enabled.
  const keyed = (key) => {
    if (!/^[0-9a-z]$/i.test(key)) return null;
    const found = [...document.querySelectorAll(`button.key-${key.toLowerCase()}, .key-${key.toLowerCase()} button`)];
    return found.find((button) => button.offsetParent && !button.disabled);
  };

  // Carry a picture and a recipe over to the Edit tab: first the picture, then, when it is shown, the recipe.
  const shown = () => document.querySelector("#stage .before")?.src || "";
  const until = async (done, seconds = 30) => {
    for (let waited = 0; waited < seconds * 10 && !done(); waited += 1) await new Promise((next) => setTimeout(next, 100));
  };
  vibegrade.carry = async (file, recipe, before) => {
    if (!recipe) return;
    vibegrade.openTab("Edit");
    await until(() => document.querySelector("#stage .before"));
    const earlier = shown();
    if (file && earlier !== before) {
      const data = await (await fetch(file.url)).blob();
      vibegrade.open(new File([data], file.orig_name || "picture", { type: data.type }));
      await until(() => shown() && shown() !== earlier);
    }
    vibegrade.open(new File([recipe], "edit.json", { type: "application/json" }));
  };
})();
