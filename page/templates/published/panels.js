// --- The chart: a panel for each shift, linked with the table

let chart = null; // until Vega has drawn it
const figure = find("#chart-published");
const shiftNamed = Object.fromEntries(shiftKeys.map((shift) => [shifts[shift].label, shift]));
const hasLine = (shift) => choices[state.choice].shifts.includes(shift);

// Where a model stands on the horizontal axis: the accuracy that the line starts from, or with two of them
// the accuracy that they predict.
function xOf(shift, accuracy) {
  const starts = startsOf(state.choice, accuracy);
  if (starts.length === 1) return starts[0];
  return expected(lines[state.choice][shift], starts);
}

function point(model, shift) {
  return {
    kind: "encoder",
    label: model.name,
    training: model.training === "own" ? OWN : trainings[model.training],
    data: model.data,
    imagenet: xOf(shift, model.accuracy),
    accuracy: model.accuracy[shift],
    effective_robustness: model.robustness[shift],
    extrapolated: mark(model.extrapolated.includes(shift)),
    mean_text: model.means.all === null && model.training !== "own"
      ? `${meanText(model, "without_objectnet")} without ObjectNet`
      : meanText(model, "all"),
  };
}

function standardPoints(shift) {
  const known = choices[state.choice].standard === "timm"
    ? models.filter((model) => model.training === "supervised")
    : standard.map(([name, ...values]) => ({
        name,
        accuracy: Object.fromEntries(sets.map((key, i) => [key, values[i] ?? null])),
      }));
  return known
    .map(({ name, accuracy }) => ({
      kind: "standard",
      label: name,
      training: "standard models",
      data: "ImageNet",
      imagenet: xOf(shift, accuracy),
      accuracy: accuracy[shift],
      mean_text: "–",
    }))
    .filter(({ imagenet, accuracy }) => imagenet !== null && accuracy !== null);
}

const PLANE_FRAME = [0.5, 97.5];

// The line, solid over its standard models and dashed beyond; a plane is the diagonal.
function linePoints(shift) {
  const line = lines[state.choice][shift];
  const plane = choices[state.choice].second !== null;
  const [low, high] = plane ? PLANE_FRAME : line.ranges[0];
  const knee = line.knee ?? [];
  const between = (from, to) =>
    Array.from({ length: 33 }, (_, i) => from + ((to - from) * i) / 32).concat(knee).sort((a, b) => a - b);
  const points = (kind, xs) =>
    xs
      .map((x) => ({ kind, imagenet: x, accuracy: plane ? x : expected(line, [x]) }))
      .filter(({ accuracy }) => accuracy > 0.1 && accuracy < 99.9); // a logit axis has no 0
  const solid = points("line", between(low, high));
  return plane ? solid : [...solid, ...points("extrapolated", between(...data.frame))];
}

// Later points lie on top: zero-shot models on supervised ones, the reader's own on all.
const LAYERS = ["supervised", "finetuned_12k", "finetuned", "soup", "captioner", "zero_shot", "own"];

function rowsOf(shift) {
  if (!hasLine(shift)) return [];
  const some = [...shown, ...state.own]
    .filter((model) => model.robustness[shift] !== undefined)
    .sort((a, b) => LAYERS.indexOf(a.training) - LAYERS.indexOf(b.training));
  return [...linePoints(shift), ...standardPoints(shift), ...some.map((model) => point(model, shift))];
}

function axisTitle() {
  return choices[state.choice].second ? "accuracy expected of both (%)" : "ImageNet accuracy (%)";
}

function drawPanels() {
  [...figure.children].forEach((panel, i) => (panel.hidden = !hasLine(shiftKeys[i])));
  chart?.setRows((title) => rowsOf(shiftNamed[title]));
  const [left, right] = choices[state.choice].second ? PLANE_FRAME : data.frame;
  for (const [name, value] of Object.entries({ abscissa: axisTitle(), left, right })) chart?.signal(name, value);
}

async function linkPanels() {
  try {
    chart = await window.charts.published();
  } catch {
    return; // without Vega the drawings stay, and the table does without a chart
  }
  chart.onClick((row) => chooseFromChart(row?.kind === "encoder" || row?.kind === "standard" ? row.label : ""));
  drawPanels();
  highlight();
}

// The chart of the panels that are shown, for a file.
async function figureText() {
  const kept = chart.titles.map((title, i) => i).filter((i) => hasLine(shiftNamed[chart.titles[i]]));
  const some = new chart.constructor(chart.place, kept.map((i) => chart.titles[i]), kept.map((i) => chart.views[i]));
  return some.toSvg(kept.length);
}

// Mark what was clicked in the chart, and bring its row into sight, no further than needed.
function chooseFromChart(name) {
  choose(name);
  const row = chosenRow();
  if (!row) return;
  centre(row);
  row.scrollIntoView({ block: "nearest" });
}
