// The concept finder: rows whose concept or category holds one of the words typed, parted by commas.
const finder = (() => {
  const field = document.getElementById("find-concept");
  if (!field) return null;
  const count = document.getElementById("found-concepts");
  const rows = [...document.querySelectorAll("#concept-table tbody tr")];
  const words = rows.map((row) => row.dataset.words.toLowerCase());
  const directionsOnly = document.getElementById("directions-only");
  const filter = () => {
    const wanted = field.value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
    const any = directionsOnly.checked ? ".directions" : ".pair";
    let found = 0;
    rows.forEach((row, index) => {
      let encoders = 0;
      for (const finding of row.querySelectorAll(".finding:has(.pair)")) {
        finding.hidden = !finding.querySelector(any);
        encoders += finding.hidden ? 0 : 1;
      }
      for (const pair of row.querySelectorAll(".pair.features")) pair.hidden = directionsOnly.checked;
      row.querySelector(".encoders").textContent = encoders;
      const left = directionsOnly.checked && !encoders;
      row.hidden = left || (wanted.length && !wanted.some((word) => words[index].includes(word)));
      found += row.hidden ? 0 : 1;
    });
    count.textContent = `${found} of ${rows.length} concepts`;
  };
  for (const control of [field, directionsOnly]) {
    control.addEventListener("input", filter);
    control.closest("label").hidden = false;
  }
  filter();
  return { field, directionsOnly, filter };
})();

// Links that keep: #section?find=star&only=directions&open=what-was-planted opens the page as it was.
(() => {
  // A fold is known by its id or else by the words of its summary.
  const folds = new Map();
  for (const fold of document.querySelectorAll("details")) {
    const words = fold.querySelector("summary").textContent.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    const name = fold.id || (fold.closest("[id]")?.id ?? "") + "-" + words.slice(0, 8).join("-");
    folds.set(name, fold);
  }
  const closed = new Set([...folds].filter(([, fold]) => !fold.open).map(([name]) => name));

  const state = () => {
    const kept = new URLSearchParams();
    if (finder?.field.value) kept.set("find", finder.field.value);
    if (finder?.directionsOnly.checked) kept.set("only", "directions");
    const open = [...folds].filter(([name, fold]) => fold.open && closed.has(name)).map(([name]) => name);
    if (open.length) kept.set("open", open.join(","));
    return String(kept);
  };

  const keep = () => {
    const [section] = location.hash.split("?");
    const kept = state();
    const hash = kept ? `${section || "#"}?${kept}` : section;
    if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname + location.search);
  };

  const restore = () => {
    const [section, query] = location.hash.split("?");
    const kept = new URLSearchParams(query);
    if (finder) {
      finder.field.value = kept.get("find") ?? "";
      finder.directionsOnly.checked = kept.get("only") === "directions";
      finder.filter();
    }
    for (const name of (kept.get("open") ?? "").split(",")) if (folds.has(name)) folds.get(name).open = true;
    const target = document.getElementById(decodeURIComponent(section.slice(1)));
    for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target?.scrollIntoView();
  };

  if (location.hash.includes("?")) restore();
  for (const fold of folds.values()) fold.addEventListener("toggle", keep);
  finder?.field.addEventListener("input", keep);
  finder?.directionsOnly.addEventListener("input", keep);
  // A link to a section would drop the rest; a link with a state of its own has been followed.
  addEventListener("hashchange", () => (location.hash.includes("?") ? restore() : keep()));
})();

// The bar of sections marks the one that is read.
(() => {
  const links = new Map([...document.querySelectorAll("nav.sections a")].map((a) => [a.hash.slice(1), a]));
  const sections = [...document.querySelectorAll("main section[id]")];
  const mark = () => {
    const read = sections.findLast((one) => one.getBoundingClientRect().top < 120) ?? sections[0];
    for (const [id, link] of links) {
      if (id === read.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      mark();
    });
  }, { passive: true });
  mark();
})();

// A table that is wider than the page fades at the end that is out of sight.
(() => {
  const mark = (place) => place.classList.toggle("on", place.scrollLeft + place.clientWidth < place.scrollWidth - 1);
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target)));
  for (const place of document.querySelectorAll(".scroll")) {
    sizes.observe(place);
    place.addEventListener("scroll", () => mark(place), { passive: true });
  }
})();

// When, where and from which commit this page was computed, if computed.js is beside it and about this page.
// A clone does not have the file: then the sentence of the page stays.
(() => {
  const place = document.getElementById("computed");
  const say = () => {
    const { digest, date, commit, processor } = window.computed;
    place.textContent = digest === document.documentElement.dataset.digest
      ? `This page was made on ${date}, at commit ${commit}, on ${processor}. Results that DVC had already, from its`
        + " cache or from another machine, were not computed again."
      : "The computed.js beside this page is about another one: make repro renews it.";
  };
  const load = () => {
    const script = document.createElement("script");
    script.src = "computed.js";
    script.onload = say;
    document.head.append(script);
  };
  new IntersectionObserver((entries, observer) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      observer.disconnect();
      load();
    }
  }, { rootMargin: "400px" }).observe(place);
})();
