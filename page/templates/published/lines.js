// Effective robustness, as ic.effective_robustness computes it from lines in logit space, and intervals from
// the resampled lines.

const data = JSON.parse(document.getElementById("published-numbers").textContent);
const { choices, lines, labels, accuracies: sets, confidence } = data;
const shiftKeys = sets.slice(1);
const DEFAULT = Object.keys(choices)[0];
const MEANS = { all: shiftKeys, without_objectnet: shiftKeys.filter((shift) => shift !== "objectnet") };

// A range is known to six decimals of a fraction, as the library takes it.
const ROUNDING = 1e-4; // in percent

const logit = (x) => Math.log(x) - Math.log1p(-x);
const expit = (y) => 1 / (1 + Math.exp(-y));
const isWithin = (value, low, high) => value >= low - ROUNDING && value <= high + ROUNDING;

// The accuracy in percent that a line predicts at an ImageNet accuracy; its knee is in percent, too.
function expected({ slope, intercept, knee, bend }, imagenet) {
  const x = logit(imagenet / 100);
  const bent = knee == null ? 0 : bend * Math.max(x - logit(knee / 100), 0);
  return 100 * expit(slope * x + bent + intercept);
}

// Effective robustness on each shift that a model was measured on, and where the line is extrapolated to it.
function place(choice, accuracy) {
  const measured = shiftKeys.filter((shift) => accuracy[shift] != null);
  const { imagenet } = accuracy;
  return {
    robustness: Object.fromEntries(
      measured.map((shift) => [shift, accuracy[shift] - expected(lines[choice][shift], imagenet)]),
    ),
    extrapolated: measured.filter((shift) => {
      const { lowest_imagenet: low, highest_imagenet: high } = lines[choice][shift];
      return !isWithin(imagenet, low, high);
    }),
  };
}

const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// The mean over some shifts; null where one of them was not measured.
function meanOver(robustness, over) {
  return over.every((shift) => shift in robustness) ? average(over.map((shift) => robustness[shift])) : null;
}

// How far one more standard model with this ImageNet accuracy may lie from the lines, on average over some
// shifts; null where that is unknown.
function limitOver(choice, over, imagenet) {
  const limit = choices[choice].limits[[...over].sort().join("+")];
  if (!limit || !isWithin(imagenet, 100 * limit.low, 100 * limit.high)) return null;
  return Math.exp(limit.level + limit.rise * logit(imagenet / 100));
}

// The coefficients of a shift's resampled lines, decoded when they are first needed.
const decoded = {};

function drawsOf(choice, shift) {
  decoded[`${choice} ${shift}`] ??= Object.fromEntries(
    Object.entries(data.draws[choice][shift]).map(([name, text]) => {
      const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
      const view = new DataView(bytes.buffer);
      return [name, Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true))];
    }),
  );
  return decoded[`${choice} ${shift}`];
}

// A model's mean over some shifts on each resampled line, which keeps the correlation between their lines.
function drawnMean(choice, accuracy, over) {
  const each = over.map((shift) => {
    const { slope, intercept, knee, bend } = drawsOf(choice, shift);
    return slope.map((_, i) => {
      const line = { slope: slope[i], intercept: intercept[i], knee: knee?.[i], bend: bend?.[i] };
      return accuracy[shift] - expected(line, accuracy.imagenet);
    });
  });
  return each[0].map((_, i) => average(each.map((draws) => draws[i])));
}

// The middle of the draws, with numpy's linear interpolation.
function ends(draws) {
  const sorted = Float64Array.from(draws).sort();
  return [(1 - confidence) / 2, (1 + confidence) / 2].map((share) => {
    const at = share * (sorted.length - 1);
    const low = Math.floor(at);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
  });
}
