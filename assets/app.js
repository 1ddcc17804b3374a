// What the page does beyond its components: drop and paste anywhere, example vibes, downloads.
(() => {
  const input = () => document.querySelector('#bar input[type=file]');
  const accept = "image/*,video/*,.heic,.heif,.avif,.tif,.tiff,.mkv,.mov,.webm,.cube,.json";

  function open(file) {
    const target = input();
    if (!target || !file) return;
    const transfer = new DataTransfer();
    transfer.items.add(file);
    target.files = transfer.files;
    target.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const choose = () => { input().accept = accept; input().click(); };
  window.vibegrade = { open, choose };

  const editing = () => document.querySelector("#desk")?.offsetParent !== null;
  const hasFiles = (event) => editing() && [...(event.dataTransfer?.types || [])].includes("Files");
  let depth = 0;
  const mark = (on) => document.body.classList.toggle("dropping", on);
  document.addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; mark(true); } });
  document.addEventListener("dragleave", (event) => { if (hasFiles(event)) { depth = Math.max(0, depth - 1); mark(depth > 0); } });
  document.addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    mark(false);
    open(event.dataTransfer.files[0]);
  }, true);
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files?.[0];
    if (file && editing()) { event.preventDefault(); open(file); }
  });

  // Chips anywhere on the page ask for their text.
  document.addEventListener("click", (event) => {
    const chip = event.target.closest?.("[data-prompt]");
    const box = document.querySelector("#prompt textarea, #prompt input");
    if (!chip || !box) return;
    box.value = chip.dataset.prompt;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector("#grade").click()));
  });

  // A double click on a control's name resets it, like its reset button.
  document.addEventListener("dblclick", (event) => {
    const label = event.target.closest?.(".control label");
    label?.closest(".control").querySelector("[data-testid=reset-button]")?.click();
  });

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || !editing()) return;
    if (event.target.closest?.("textarea, input[type=text], input[type=number]")) return;
    event.preventDefault();
    document.querySelector(event.shiftKey ? "#redo" : "#undo")?.click();
  });

  // Whether the taste is used, and since when exports count for it, stay with this browser.
  const TASTE = "vibegrade-taste";
  window.vibegrade.taste = () => {
    try {
      const { use, since } = JSON.parse(localStorage.getItem(TASTE)) || {};
      return [use === true, Number(since) || 0];
    } catch { return [false, 0]; }
  };
  window.vibegrade.keepTaste = (use, since) => {
    try { localStorage.setItem(TASTE, JSON.stringify({ use, since })); } catch { /* then it ends with the page */ }
  };

  // An export waits for the controls that were just moved: their requests are the unqueued ones.
  let moving = 0, ended = 0;
  const send = window.fetch;
  window.fetch = async (...request) => {
    if (!/\/gradio_api\/run\//.test(request[0]?.url ?? request[0])) return send(...request);
    moving += 1;
    try { return await send(...request); } finally { moving -= 1; ended = Date.now(); }
  };
  const REST = 60; // milliseconds; within them an answer's successor is on its way
  window.vibegrade.settled = async () => {
    do await new Promise((next) => setTimeout(next, REST)); while (moving || Date.now() - ended < REST);
  };

  // A finished export is saved at once; its link stays on the page.
  window.vibegrade.save = () => requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector("#result a[download]")?.click()));
})();
