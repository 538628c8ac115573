"use strict";

// Charts. Each is a picture that needs no script; it gives way to the same chart with tooltips once it
// comes near the window. Vega lies beside the page, as vega.js: without it the pictures stay.
(() => {
  let vega;

  const loadVega = () => {
    vega ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = "vega.js";
      script.onload = resolve;
      script.onerror = () => reject(new Error("no vega.js beside this page: charts stay pictures"));
      document.head.append(script);
    });
    return vega;
  };

  const embed = async (name, place) => {
    await loadVega();
    const spec = JSON.parse(document.getElementById(`spec-${name}`).textContent);
    const picture = document.createElement("div");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", place.querySelector("svg").getAttribute("aria-label"));
    const drawn = picture.appendChild(document.createElement("div"));
    drawn.setAttribute("aria-hidden", "true");
    const { view } = await window.vegaEmbed(drawn, spec, {
      renderer: "svg", actions: false, logLevel: 1, // errors alone
    });
    place.replaceChildren(picture);
    return view;
  };

  // window.charts.NAME() draws the chart NAME if it is not drawn yet, and promises its Vega view.
  window.charts = {};
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        near.unobserve(target);
        window.charts[target.id.slice("chart-".length)]().catch((error) => console.info(error.message));
      }
    }
  }, { rootMargin: "400px" });
  for (const place of document.querySelectorAll(".chart[id]")) {
    const name = place.id.slice("chart-".length);
    let view;
    window.charts[name] = () => {
      view ??= embed(name, place);
      return view;
    };
    near.observe(place);
  }
})();

// The concept finder: rows whose concept or category holds one of the words typed, parted by commas.
(() => {
  const field = document.getElementById("find-concept");
  if (!field) return;
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
      row.hidden = !encoders || (wanted.length && !wanted.some((word) => words[index].includes(word)));
      found += row.hidden ? 0 : 1;
    });
    count.textContent = `${found} of ${rows.length} concepts`;
  };
  for (const control of [field, directionsOnly]) {
    control.addEventListener("input", filter);
    control.closest("label").hidden = false;
  }
  filter();
})();

// What is folded prints, and opens where a link leads into it.
(() => {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      fold.open = true;
    }
    target?.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  if (location.hash) unfold();
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
