// --- The reader's own models

const form = find("#own-form");
const fields = sets.filter((key) => form.elements[key]);

// Return what is wrong with an input, or nothing.
function wrong(input) {
  const percent = Number(input.value);
  if (input.validity.badInput) return "expected a number from 0 to 100";
  if (!input.value) return "";
  if (!(percent >= 0 && percent <= 100)) return `expected a percentage from 0 to 100, got ${input.value}`;
  // A standard model scores less than 1 % on ImageNet-A alone.
  if (percent > 0 && percent < 1 && input.name !== "imagenet_a") {
    return `expected percent, not a fraction; is it ${Number((100 * percent).toPrecision(6))}?`;
  }
  return "";
}

// Return what is wrong with the form, or nothing.
function wrongForm(accuracy) {
  const faulty = fields.find((key) => wrong(form.elements[key]));
  if (faulty) return `${labels[faulty]}: ${wrong(form.elements[faulty])}`;
  if (accuracy.imagenet === null || shiftKeys.every((shift) => accuracy[shift] === null)) {
    return "Give the accuracy on ImageNet and on at least one shift.";
  }
  const name = form.elements.name.value.trim();
  if (models.some((model) => model.name === name)) return `${name} is a published model; give yours another name.`;
  return "";
}

function ownModel(name, accuracy) {
  const whole = Object.fromEntries(sets.map((key) => [key, accuracy[key] ?? null]));
  return { name, source: null, training: "own", data: "", accuracy: whole };
}

function addOwn() {
  const accuracy = Object.fromEntries(
    fields.map((key) => [key, form.elements[key].value ? Number(form.elements[key].value) : null]),
  );
  const said = wrongForm(accuracy);
  find(".wrong", form).textContent = said;
  if (said) return;
  const taken = (name) => state.own.some((model) => model.name === name);
  let name = form.elements.name.value.trim();
  for (let i = 1; !name; i++) if (!taken(`my model ${i}`)) name = `my model ${i}`;
  const model = ownModel(name, accuracy);
  state.own = [...state.own.filter((one) => one.name !== name), model];
  form.reset();
  refresh();
  centre(model.row);
}

function removeOwn(name) {
  state.own = state.own.filter((one) => one.name !== name);
  if (state.chosen === name) state.chosen = "";
  refresh();
}

// Say how robust a model is, and how many of the ranked zero-shot models are more so.
function answer(own) {
  const measured = shiftKeys.filter((shift) => own.robustness[shift] !== undefined);
  if (!measured.length) return "The accuracies that this line starts from are not given.";
  const each = measured.map((shift) => {
    return `${shifts[shift].label} ${number(own.robustness[shift])}${mark(own.extrapolated.includes(shift))}`;
  });
  const mean = meanOver(own.robustness, measured);
  const interval = ends(drawnMean(drawn(state.choice, own.accuracy, measured), measured));
  const over = measured.length === 1 ? "this shift" : `these ${measured.length} shifts`;
  const isWhole = measured.length === choices[state.choice].shifts.length;
  const points = isWhole ? limitAt(state.choice, own.accuracy.imagenet) : null;
  const limit = points === null ? "" : ` (standard models ±${number(points)})`;
  const others = models
    .filter((model) => model.rank !== null)
    .map((model) => meanOver(model.robustness, measured))
    .filter((value) => value !== null);
  const above = others.filter((value) => value > mean).length;
  const texts = [
    `effective robustness in points: ${each.join(", ")}; mean over ${over} ${number(mean)}${bracketed(interval)}${limit}.`,
    `Of the ${others.length} ranked zero-shot models, ${above} are more robust on ${over}.`,
  ];
  if (own.extrapolated.length) {
    texts.push("‡ The line is extrapolated: no standard model has a similar ImageNet accuracy.");
  }
  return texts.join(" ");
}

// Set two models against each other on the shifts that both have. The difference is taken on each resampled
// line, so that an error of the line that both share cancels.
function difference(one, other) {
  const both = shiftKeys.filter((shift) => [one, other].every((m) => m.robustness[shift] !== undefined));
  if (!both.length) return "";
  const value = meanOver(one.robustness, both) - meanOver(other.robustness, both);
  const [a, b] = [one, other].map((model) => drawnMean(drawn(state.choice, model.accuracy, both), both));
  const found = ends(a.map((x, i) => x - b[i]));
  return `${one.name} minus ${other.name}: ${number(value)}${bracketed(found)} points over ${both.length} shift${both.length > 1 ? "s" : ""}.`;
}

function tellOwn() {
  const list = find("#own-models");
  list.replaceChildren(
    ...state.own.map((model) => {
      const item = document.createElement("li");
      const name = item.appendChild(document.createElement("strong"));
      name.textContent = model.name;
      item.append(`: ${answer(model)} `);
      const button = item.appendChild(document.createElement("button"));
      button.type = "button";
      button.textContent = "Remove";
      button.setAttribute("aria-label", `Remove ${model.name}`);
      button.addEventListener("click", () => removeOwn(model.name));
      return item;
    }),
  );
  const published = models.find((model) => model.name === state.chosen);
  const compared = published ? [...state.own, published] : state.own;
  const pairs = state.own.flatMap((one, i) => compared.slice(i + 1).map((other) => difference(one, other)));
  find("#own-differences").textContent = pairs.filter(Boolean).join(" ");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  addOwn();
});
form.addEventListener("reset", () => (find(".wrong", form).textContent = ""));
