// --- The chart: a panel for each shift, linked with the table

let chart = null; // until Vega has drawn it
const shiftNamed = Object.fromEntries(shiftKeys.map((shift) => [labels[shift], shift]));

function point(model, shift) {
  const mean = model.means.all === null && model.means.without_objectnet !== null ? "without_objectnet" : "all";
  return {
    kind: "encoder",
    label: model.name,
    training: model.training === "own" ? OWN : trainings[model.training],
    data: model.data,
    imagenet: model.accuracy.imagenet,
    accuracy: model.accuracy[shift],
    effective_robustness: model.robustness[shift],
    extrapolated: mark(model.extrapolated.includes(shift)),
    mean_text: meanTexts(model, mean).join("") + (mean === "all" ? "" : " without ObjectNet"),
  };
}

function standardPoint({ name, accuracy }, shift) {
  const { imagenet, [shift]: onShift } = accuracy;
  const texts = { label: name, training: "standard models", data: "ImageNet", mean_text: "–" };
  return { kind: "standard", ...texts, imagenet, accuracy: onShift };
}

// The line, solid over its standard models and dashed beyond.
function linePoints(shift) {
  const line = lines[state.choice][shift];
  const points = (kind, low, high) =>
    Array.from({ length: 33 }, (_, i) => low + ((high - low) * i) / 32)
      .concat(line.knee ?? [])
      .sort((a, b) => a - b)
      .map((x) => ({ kind, imagenet: x, accuracy: expected(line, x) }))
      .filter(({ accuracy }) => accuracy > 0.1 && accuracy < 99.9); // a logit axis has no 0
  return [...points("line", line.lowest_imagenet, line.highest_imagenet), ...points("extrapolated", ...data.frame.imagenet)];
}

// Later points lie on top: zero-shot models on supervised ones, the reader's own on all.
const LAYERS = ["supervised", "finetuned_12k", "finetuned", "soup", "captioner", "zero_shot", "own"];

function modelPoints(shift) {
  return shown
    .filter((model) => shift in model.robustness)
    .sort((a, b) => LAYERS.indexOf(a.training) - LAYERS.indexOf(b.training))
    .map((model) => point(model, shift));
}

function drawPanels() {
  const isInFrame = (accuracy, shift) =>
    [["imagenet", "imagenet"], [shift, "accuracy"]].every(([key, axis]) => isWithin(accuracy[key], ...data.frame[axis]));
  const outside = shown.flatMap(({ accuracy, robustness }) =>
    Object.keys(robustness).filter((shift) => !isInFrame(accuracy, shift)),
  ).length;
  const lie = outside === 1 ? "mark lies" : "marks lie";
  find("#outside").textContent = outside ? `${outside} ${lie} outside the axes.` : "";
  chart?.setRows((title) => {
    const shift = shiftNamed[title];
    const known = standardModels.map((model) => standardPoint(model, shift)).filter((row) => row.accuracy !== null);
    return [...linePoints(shift), ...known, ...modelPoints(shift)];
  });
}

async function linkPanels() {
  try {
    chart = await window.charts.published();
  } catch {
    return; // without Vega the drawings stay, and the table does without a chart
  }
  // Mark what was clicked, and bring its row into sight, no further than needed.
  chart.onClick((row) => {
    choose(row?.kind === "encoder" ? row.label : "");
    centre(chosenRow());
    chosenRow()?.scrollIntoView({ block: "nearest" });
  });
  drawPanels();
  highlight();
}
