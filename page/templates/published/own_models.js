// --- The reader's own models

const form = find("#own-form");

// Return what is wrong with an input, or nothing.
function wrong({ name, value, validity }) {
  if (validity.badInput) return "expected a number from 0 to 100";
  const percent = Number(value);
  if (!(percent >= 0 && percent <= 100)) return `expected a percentage from 0 to 100, got ${value}`;
  // A standard model scores less than 1 % only on ImageNet-A.
  const isFraction = percent > 0 && percent < 1 && name !== "imagenet_a";
  return isFraction ? `expected percent, not a fraction; is it ${Number((100 * percent).toPrecision(6))}?` : "";
}

// Return what is wrong with the form, or nothing.
function wrongForm(name, accuracy) {
  const faulty = sets.find((key) => wrong(form.elements[key]));
  if (faulty) return `${labels[faulty]}: ${wrong(form.elements[faulty])}`;
  if (accuracy.imagenet === null || shiftKeys.every((shift) => accuracy[shift] === null)) {
    return "Give the accuracy on ImageNet and on at least one shift.";
  }
  const taken = models.some((model) => model.name === name);
  return taken ? `${name} is a published model; give yours another name.` : "";
}

const ownModel = (name, accuracy) => ({ name, source: "", training: "own", data: "", accuracy });

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const accuracy = byTestSet(sets.map((key) => (form.elements[key].value ? Number(form.elements[key].value) : null)));
  const given = form.elements.name.value.trim();
  const said = wrongForm(given, accuracy);
  find(".wrong", form).textContent = said;
  if (said) return;
  let number = 1;
  while (state.own.some((model) => model.name === `my model ${number}`)) number++;
  const model = ownModel(given || `my model ${number}`, accuracy);
  state.own = [...state.own.filter((other) => other.name !== model.name), model];
  form.reset();
  refresh();
  centre(model.row);
});
form.addEventListener("reset", () => (find(".wrong", form).textContent = ""));

function removeOwn(name) {
  state.own = state.own.filter((model) => model.name !== name);
  if (state.chosen === name) state.chosen = "";
  refresh();
  find("#own summary").focus();
}

const shiftsInWords = ({ length }) => (length === 1 ? "1 shift" : `${length} shifts`);

// Say how robust a model is, and how many of the ranked zero-shot models are more so.
function answer({ accuracy, robustness, extrapolated }) {
  const over = Object.keys(robustness);
  const each = over.map((shift) => `${labels[shift]} ${number(robustness[shift])}${mark(extrapolated.includes(shift))}`);
  const mean = meanOver(robustness, over);
  const interval = bracketed(ends(drawnMean(state.choice, accuracy, over)));
  const limit = limitOver(state.choice, over, accuracy.imagenet);
  const others = models
    .filter((model) => model.rank !== null)
    .map((model) => meanOver(model.robustness, over))
    .filter((value) => value !== null);
  return [
    `effective robustness in points: ${each.join(", ")}; mean over ${shiftsInWords(over)} ${number(mean)}${interval}.`,
    limit === null
      ? "No limit for one more standard model is known here; curved lines have one over four shifts or more."
      : `One more standard model would lie within ±${number(limit)}.`,
    `Of the ${others.length} ranked zero-shot models, ${others.filter((value) => value > mean).length} are more robust.`,
    extrapolated.length ? "‡ The line is extrapolated: no standard model has a similar ImageNet accuracy." : "",
  ].join(" ");
}

// Set two models against each other on the shifts that both have. The difference is taken on each resampled
// line, so that an error of the line that both share cancels.
function difference(one, other) {
  const both = shiftKeys.filter((shift) => shift in one.robustness && shift in other.robustness);
  if (!both.length) return "";
  const value = meanOver(one.robustness, both) - meanOver(other.robustness, both);
  const [a, b] = [one, other].map((model) => drawnMean(state.choice, model.accuracy, both));
  const interval = bracketed(ends(a.map((x, i) => x - b[i])));
  return `${one.name} minus ${other.name}: ${number(value)}${interval} points over ${shiftsInWords(both)}.`;
}

function tellOwn() {
  const items = state.own.map((model) => {
    const item = document.createElement("li");
    const name = Object.assign(document.createElement("strong"), { textContent: model.name });
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove" });
    button.setAttribute("aria-label", `Remove ${model.name}`);
    button.addEventListener("click", () => removeOwn(model.name));
    item.append(name, `: ${answer(model)} `, button);
    return item;
  });
  find("#own-models").replaceChildren(...items);
  const compared = [...state.own, ...models.filter((model) => model.name === state.chosen)];
  const pairs = state.own.flatMap((one, i) => compared.slice(i + 1).map((other) => difference(one, other)));
  find("#own-differences").textContent = pairs.filter(Boolean).join(" ");
}
