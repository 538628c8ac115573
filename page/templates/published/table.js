// --- The table

const MEAN_COLUMNS = ["all", "without_objectnet", "natural", "style"];

function newRow(model) {
  const row = document.createElement("tr");
  const head = row.appendChild(document.createElement("th"));
  head.scope = "row";
  const button = head.appendChild(document.createElement("button"));
  button.type = "button";
  button.textContent = model.name;
  if (model.source !== null) {
    const link = head.appendChild(document.createElement("a"));
    link.href = sources[model.source].url;
    link.textContent = sources[model.source].title;
    link.addEventListener("click", (event) => event.stopPropagation());
  }
  const texts = [
    model.rank ?? "–",
    trainings[model.training] ?? "own",
    model.data || "–",
    number(model.accuracy.imagenet),
    ...shiftKeys.map((shift) => shiftText(model, shift)),
    ...MEAN_COLUMNS.map((mean) => meanText(model, mean)),
  ];
  texts.forEach((text, i) => {
    const cell = row.insertCell();
    cell.textContent = text;
    if (i === 1 || i === 2) cell.className = "text";
    if (i > texts.length - 1 - MEAN_COLUMNS.length) splitInterval(cell, String(text));
  });
  row.classList.toggle("own", model.training === "own");
  row.addEventListener("click", () => choose(model.name === state.chosen ? "" : model.name));
  model.row = row;
  return row;
}

// The interval stands beneath its mean, and over how many shifts it is, so that the columns stay narrow.
function splitInterval(cell, text) {
  const [value, ...beneath] = text.split(/(?= \[)|(?= over )/);
  const lines = beneath.map((line) => Object.assign(document.createElement("small"), { textContent: line }));
  cell.replaceChildren(value, ...lines);
}

function sortValue(model, key) {
  if (key in MEANS) return model.means[key];
  if (key === "rank") return model.rank;
  if (key === "imagenet") return model.accuracy.imagenet;
  if (shiftKeys.includes(key)) {
    return (filter.elements.unit.value === "accuracy" ? model.accuracy : model.robustness)[key] ?? null;
  }
  return key === "training" ? (trainings[model.training] ?? "") : model[key];
}

// Order two models by the column that is sorted. Either way, what has no number stands last, and a mean
// that is read from an extrapolated line after the others; what lacks the mean over all shifts is
// ordered by that without ObjectNet.
function compare(one, other, key) {
  const [a, b] = [sortValue(one, key), sortValue(other, key)];
  if (a === null && b === null) return key === "all" ? compare(one, other, "without_objectnet") : 0;
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (key in MEANS) {
    const beyond = isBeyond(one, key) - isBeyond(other, key);
    if (beyond) return beyond;
  }
  const order = typeof a === "string" ? a.localeCompare(b, "en") : a - b;
  return state.descending ? -order : order;
}

let shown = [];

function show() {
  shown = shownModels();
  const rows = [...shown, ...state.own].sort((one, other) => compare(one, other, state.sort));
  body.replaceChildren(...rows.map(newRow));
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
  for (const model of [...shown, ...state.own]) {
    const chosen = model.name === state.chosen;
    model.row.classList.toggle("chosen", chosen);
    find("button", model.row).setAttribute("aria-pressed", String(chosen));
  }
  chart?.signal("chosen", state.chosen);
  remember();
}

function choose(name) {
  state.chosen = name;
  highlight();
  tellOwn(); // a published model that is marked is compared with them
}

// Bring a row to the middle of the table's box; the page itself stays where it is.
function centre(row) {
  const box = table.parentElement;
  const [inner, outer] = [row.getBoundingClientRect(), box.getBoundingClientRect()];
  box.scrollTop += inner.top - outer.top - outer.height / 2;
}

function chosenRow() {
  return [...shown, ...state.own].find((model) => model.name === state.chosen)?.row;
}

function bringChosenIntoView() {
  const row = chosenRow();
  if (row) centre(row);
}

function attachHeads() {
  for (const head of table.querySelectorAll("[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
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
}

// --- The choice of the line

// Say what the line in use is, and which shifts have none.
function tellChoice() {
  const { label, text } = choices[state.choice];
  find("#choice").textContent = `${label}: ${text}`;
  const missing = shiftKeys.filter((shift) => !hasLine(shift));
  find("#missing").textContent = missing.length
    ? `No line for ${missing.map((shift) => shifts[shift].label).join(", ")}.`
    : "";
}
