// --- The table

function newRow(model) {
  const row = document.createElement("tr");
  const head = row.appendChild(document.createElement("th"));
  head.scope = "row";
  const button = head.appendChild(document.createElement("button"));
  Object.assign(button, { type: "button", textContent: model.name });
  if (model.source) {
    const { url: href, title: textContent } = sources[model.source];
    const link = head.appendChild(Object.assign(document.createElement("a"), { href, textContent }));
    link.addEventListener("click", (event) => event.stopPropagation());
  }
  const add = (text, className = "") => Object.assign(row.insertCell(), { textContent: text, className });
  add(model.rank ?? "–");
  add(trainings[model.training] ?? "own", "text");
  add(model.data || "–", "text");
  add(number(model.accuracy.imagenet));
  for (const shift of shiftKeys) {
    const beyond = !isAccuracy() && model.extrapolated.includes(shift);
    add(number(ofShifts(model)[shift]) + mark(beyond));
  }
  for (const mean of Object.keys(MEANS)) {
    const [value, interval] = meanTexts(model, mean);
    add(value).append(Object.assign(document.createElement("small"), { textContent: interval }));
  }
  row.classList.toggle("own", model.training === "own");
  row.addEventListener("click", () => choose(model.name === state.chosen ? "" : model.name));
  model.row = row;
  return row;
}

const isAccuracy = () => filter.elements.unit.value === "accuracy";
const ofShifts = (model) => (isAccuracy() ? model.accuracy : model.robustness);

function sortValue(model, key) {
  if (key in MEANS) return model.means[key];
  if (key === "imagenet") return model.accuracy.imagenet;
  if (key === "training") return trainings[model.training] ?? "";
  return shiftKeys.includes(key) ? (ofShifts(model)[key] ?? null) : model[key];
}

// Order two models by the column that is sorted. Either way, what has no number stands last, and a mean
// that is read from an extrapolated line after the others; what lacks the mean over all shifts is
// ordered by that without ObjectNet.
function compare(one, other, key) {
  const [a, b] = [sortValue(one, key), sortValue(other, key)];
  if (a === null && b === null) return key === "all" ? compare(one, other, "without_objectnet") : 0;
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  const beyond = key in MEANS ? isBeyond(one, key) - isBeyond(other, key) : 0;
  const order = typeof a === "string" ? a.localeCompare(b, "en") : a - b;
  return beyond || (state.descending ? -order : order);
}

let shown = []; // what the search and the filters leave, in order, and the reader's own models

function show() {
  shown = [...shownModels(), ...state.own].sort((one, other) => compare(one, other, state.sort));
  for (const model of shown) model.row = null;
  const isDrawn = (model, i) => state.all || i < data.rows || model.training === "own" || model.name === state.chosen;
  const rows = shown.filter(isDrawn);
  table.tBodies[0].replaceChildren(...rows.map(newRow));
  find("#rest").hidden = rows.length === shown.length;
  find("#rest button").textContent = `Show all ${shown.length} models`;
  for (const head of table.querySelectorAll("[data-sort]")) {
    const sorted = head.dataset.sort === state.sort;
    head.setAttribute("aria-sort", !sorted ? "none" : state.descending ? "descending" : "ascending");
  }
  const head = find("[data-robustness]", table);
  head.textContent = head.dataset[filter.elements.unit.value];
  drawPanels();
  highlight();
}

// Mark the chosen model's row and points, and keep the state in the address.
function highlight() {
  for (const { name, row } of shown.filter((model) => model.row)) {
    row.classList.toggle("chosen", name === state.chosen);
    find("button", row).setAttribute("aria-pressed", String(name === state.chosen));
  }
  chart?.signal("chosen", state.chosen);
  remember();
}

function choose(name) {
  state.chosen = name;
  if (shown.some((model) => model.name === name && !model.row)) show();
  else highlight();
  tellOwn(); // a published model that is marked is compared with them
}

const chosenRow = () => shown.find((model) => model.name === state.chosen)?.row;

// Bring a row to the middle of the table's box; the page itself stays where it is.
function centre(row) {
  if (!row) return;
  const box = table.parentElement;
  const [inner, outer] = [row.getBoundingClientRect(), box.getBoundingClientRect()];
  box.scrollTop += inner.top - outer.top - outer.height / 2;
}

find("#rest button").addEventListener("click", () => {
  state.all = true;
  show();
  find("button", shown[data.rows].row).focus({ preventScroll: true }); // the button itself is gone
});
for (const head of table.querySelectorAll("[data-sort]")) {
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.append(...head.childNodes);
  button.addEventListener("click", () => {
    const key = head.dataset.sort;
    const upwards = ["name", "training", "data", "rank"].includes(key);
    state.descending = state.sort === key ? !state.descending : !upwards;
    state.sort = key;
    show();
  });
  head.replaceChildren(button);
}
