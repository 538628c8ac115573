// Effective robustness, as interpreting_clip/published/line_fits.py computes it: lines and planes in logit
// space, and the resampled lines that intervals come from.

const data = JSON.parse(document.getElementById("published-numbers").textContent);
const { shifts, choices, lines, accuracies: sets, confidence } = data;
const shiftKeys = Object.keys(shifts);
const DEFAULT = Object.keys(choices)[0];

// A range is known to six decimals of a fraction, as the library takes it.
const ROUNDING = 1e-4; // in percent

// The distribution function of a normal number, by its series around 0: exact to 1e-15, which is all
// that a difference of accuracies needs.
function normal(z) {
  if (z === -Infinity || z < -8.5) return 0;
  if (z === Infinity || z > 8.5) return 1;
  const square = z * z;
  let term = z;
  let sum = z;
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) {
    term *= square / n;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-square / 2) / Math.sqrt(2 * Math.PI);
}

// Its inverse, by Newton's method from the logistic approximation.
function quantile(fraction) {
  if (fraction <= 0) return -Infinity;
  if (fraction >= 1) return Infinity;
  if (fraction > 0.5) return -quantile(1 - fraction);
  let z = (Math.log(fraction) - Math.log1p(-fraction)) / 1.702;
  for (let step = 1, i = 0; Math.abs(step) > 1e-14 && i < 100; i++) {
    const below = normal(z);
    // In logarithms the function is concave, so that no step leads away.
    step = (below / Math.exp(-z * z / 2)) * Math.sqrt(2 * Math.PI) * Math.log(below / fraction);
    z -= step;
  }
  return z;
}

const logit = (x) => Math.log(x) - Math.log1p(-x);
const expit = (y) => 1 / (1 + Math.exp(-y));

// The accuracies that the lines of a choice start from: one, or two for planes.
function abscissas(choice) {
  const { second } = choices[choice];
  return second ? ["imagenet", second] : ["imagenet"];
}

// The accuracy in percent that a line predicts; null where an accuracy that it starts from is unknown.
function expected(line, starts) {
  if (starts.some((value) => value == null)) return null;
  const slopes = [line.slope, line.second];
  // A flat line has a limit where the logit is infinite.
  const rise = starts.reduce((sum, x, i) => sum + (slopes[i] ? slopes[i] * logit(x / 100) : 0), 0);
  return 100 * expit(rise + line.intercept);
}

function startsOf(choice, accuracy) {
  return abscissas(choice).map((name) => accuracy[name] ?? null);
}

// Effective robustness on each shift of a choice that a model was measured on, and whether the line is
// extrapolated to it.
function place(choice, accuracy) {
  const robustness = {};
  const extrapolated = [];
  for (const [shift, line] of Object.entries(lines[choice])) {
    const starts = startsOf(choice, accuracy);
    const predicted = expected(line, starts);
    if (predicted === null || accuracy[shift] == null) continue;
    robustness[shift] = accuracy[shift] - predicted;
    const outside = ([low, high], i) => starts[i] < low - ROUNDING || starts[i] > high + ROUNDING;
    if (line.ranges.some(outside)) extrapolated.push(shift);
  }
  return { robustness, extrapolated };
}

// The shifts of each mean: those of a kind that the choice has a line for.
const MEANS = {
  all: () => true,
  without_objectnet: (shift) => shift !== "objectnet",
  natural: (shift) => shifts[shift].kind === "natural",
  style: (shift) => shifts[shift].kind === "style",
};

function shiftsOf(choice, mean) {
  return shiftKeys.filter((shift) => choices[choice].shifts.includes(shift) && MEANS[mean](shift));
}

function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// The mean over some shifts; null where one of them was not measured.
function meanOver(robustness, over) {
  if (!over.length || over.some((shift) => robustness[shift] === undefined)) return null;
  return average(over.map((shift) => robustness[shift]));
}

// --- Intervals

const decoded = {};

// The resampled lines of a choice, decoded when they are first needed.
function drawsOf(choice) {
  decoded[choice] ??= Object.fromEntries(
    Object.entries(data.draws[choice] ?? {}).map(([shift, columns]) => [
      shift,
      Object.fromEntries(
        Object.entries(columns).map(([name, text]) => {
          const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
          const view = new DataView(bytes.buffer);
          const values = Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
          return [name, values];
        }),
      ),
    ]),
  );
  return decoded[choice];
}

// Draws of an accuracy in percent, as measures/effective_robustness.py takes them, from the images that
// it was measured on: the posterior under Jeffreys' prior, whose logit is nearly normal. The numbers are
// Richtmyer's, the multiples of a square root, and for all of ImageNet's accuracies the same. An accuracy
// whose images are unknown is exact.
const ROOTS = Object.fromEntries(shiftKeys.map((shift, i) => [shift, Math.sqrt([3, 5, 7, 11, 13][i])]));

function drawnAccuracy(name, percent, count) {
  const images = data.images[name];
  if (!images) return [percent];
  const [right, wrong] = [percent, 100 - percent].map((share) => (share / 100) * images + 0.5);
  const root = ROOTS[name] ?? Math.sqrt(2);
  return Array.from({ length: count }, (_, i) => {
    const z = quantile(((i + 1) * root) % 1);
    return 100 / (1 + (wrong / right) * Math.exp(-z * Math.sqrt(1 / right + 1 / wrong)));
  });
}

// A model's effective robustness on each shift under each resampled line, with its accuracies exact or,
// with `images`, drawn; null where there are no lines.
function drawn(choice, accuracy, over, images = false) {
  const every = drawsOf(choice);
  if (over.some((shift) => !every[shift])) return null;
  return Object.fromEntries(
    over.map((shift) => {
      const { slope, second_slope: second, intercept } = every[shift];
      const values = new Float64Array(slope.length);
      const taken = (name) => (images ? drawnAccuracy(name, accuracy[name], values.length) : [accuracy[name]]);
      const [x, y] = abscissas(choice).map((name) => taken(name).map((value) => logit(value / 100)));
      const measured = taken(shift);
      for (let i = 0; i < values.length; i++) {
        let rise = slope[i] ? slope[i] * x[i % x.length] : 0;
        if (second?.[i]) rise += second[i] * y[i % y.length];
        values[i] = measured[i % measured.length] - 100 * expit(rise + intercept[i]);
      }
      return [shift, values];
    }),
  );
}

// The mean over some shifts under each resampled line, which keeps the correlation between their lines.
function drawnMean(draws, over) {
  if (!draws) return null;
  const mean = new Float64Array(draws[over[0]].length);
  for (const shift of over) {
    const values = draws[shift];
    for (let i = 0; i < mean.length; i++) mean[i] += values[i] / over.length;
  }
  return mean;
}

// The middle of the draws, with numpy's linear interpolation; null without draws.
function ends(draws) {
  if (!draws) return null;
  const sorted = draws.slice().sort();
  return [(1 - confidence) / 2, (1 + confidence) / 2].map((share) => {
    const at = share * (sorted.length - 1);
    const low = Math.floor(at);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
  });
}
