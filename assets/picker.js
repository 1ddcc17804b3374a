// A list of small pictures to choose from. Props: items ({name, label, image, caption}), value (the chosen name).
const list = element.querySelector(".picker");

function draw() {
  const buttons = (props.items || []).map((item) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "card";
    button.dataset.name = item.name;
    button.title = item.caption || item.label;
    const image = document.createElement(item.image ? "img" : "span");
    image.className = "thumb";
    if (item.image) { image.src = item.image; image.alt = ""; }
    const label = document.createElement("span");
    label.className = "name";
    label.textContent = item.label;
    button.append(image, label);
    button.addEventListener("click", () => { props.value = item.name; mark(); trigger("select"); });
    return button;
  });
  list.replaceChildren(...buttons);
  mark();
}
function mark() {
  for (const button of list.children) button.setAttribute("aria-pressed", button.dataset.name === props.value);
}
// A name without quotes: gr.HTML takes every quoted word of this script for an event.
watch(Object.keys({ items: 0 }), draw);
watch("value", mark);
draw();
