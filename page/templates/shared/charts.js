// Charts. Each panel is a picture that needs no script; it gives way to the same picture with tooltips
// once the chart comes near the window. Vega lies beside the page, as vega.js: without it the pictures stay.
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

  // Draw a panel in the place of its picture, with the alternative text that the picture has.
  const embed = async (place, spec) => {
    const picture = document.createElement("div");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", place.querySelector("svg").getAttribute("aria-label"));
    const drawn = picture.appendChild(document.createElement("div"));
    drawn.setAttribute("aria-hidden", "true");
    const { view } = await window.vegaEmbed(drawn, spec, {
      renderer: "svg", actions: false, logLevel: 1, // errors alone
      defaultStyle: false, tooltip: { disableDefaultStyle: true },
    });
    place.replaceChildren(picture);
    return view;
  };

  // Replace CSS variables by the colours that they stand for now: a file has no style sheet.
  const withColours = (text) => {
    const style = getComputedStyle(document.documentElement);
    return text.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  };

  const escaped = (text) => {
    const holder = document.createElement("i");
    holder.textContent = text;
    return holder.innerHTML;
  };

  // What window.charts.NAME() promises: one Vega view per panel, and what is done to all of them.
  class Chart {
    constructor(place, titles, views) {
      Object.assign(this, { place, titles, views });
    }

    signal(name, value) {
      for (const view of this.views) view.signal(name, value).runAsync();
    }

    // Replace the rows of each panel by those that a function of its title returns.
    setRows(rowsOf) {
      this.views.forEach((view, i) => view.data("rows", rowsOf(this.titles[i])).runAsync());
    }

    // Call a function with the row that was clicked, or with undefined beside all marks.
    onClick(handler) {
      for (const view of this.views) view.addEventListener("click", (_, item) => handler(item?.datum));
    }

    // Return all panels and the legend as one SVG that needs nothing else, for a file.
    async toSvg(columns = 3) {
      const panels = [];
      for (const [i, view] of this.views.entries()) {
        const svg = new DOMParser().parseFromString(await view.toSVG(), "image/svg+xml").documentElement;
        // identifiers are unique in one view alone
        const text = svg.outerHTML.replace(/\b(id="|url\(#)/g, `$1panel${i}-`);
        const [width, height] = ["width", "height"].map((side) => Number(svg.getAttribute(side)));
        panels.push({ text, width, height, title: this.titles[i] });
      }
      const cell = Math.max(...panels.map((panel) => panel.width)) + 24;
      let [y, parts] = [0, []];
      for (let i = 0; i < panels.length; i += columns) {
        const row = panels.slice(i, i + columns);
        row.forEach((panel, place) => {
          parts.push(`<text x="${place * cell + 8}" y="${y + 20}" font-weight="bold">${escaped(panel.title)}</text>`);
          parts.push(`<g transform="translate(${place * cell},${y + 30})">${panel.text}</g>`);
        });
        y += 46 + Math.max(...row.map((panel) => panel.height));
      }
      let x = 8;
      for (const entry of this.place.parentElement.querySelectorAll(".legend li")) {
        const symbol = entry.querySelector("svg").innerHTML;
        const words = entry.textContent.trim();
        parts.push(`<g transform="translate(${x + 17},${y + 10})">${symbol}</g><text x="${x + 42}" y="${y + 14}">${escaped(words)}</text>`);
        x += 70 + 7 * words.length;
      }
      const width = Math.max(Math.min(columns, panels.length) * cell, x);
      return withColours(
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 28}" width="${width}" height="${y + 28}"`
        + ` font-family="Liberation Sans, Arial, Helvetica, sans-serif" font-size="13" fill="var(--chart-ink)">`
        + `<rect width="100%" height="100%" fill="var(--chart-ground)"/>${parts.join("")}</svg>`,
      );
    }
  }

  const draw = async (name, place) => {
    await loadVega();
    const { spec, panels } = JSON.parse(document.getElementById(`spec-${name}`).textContent);
    const places = [...place.querySelectorAll(".drawn")];
    const views = [];
    for (const [i, { values }] of panels.entries()) {
      const data = { ...spec.data, values };
      if (Array.isArray(values)) data.format = { ...data.format, type: "json" };
      views.push(await embed(places[i], { ...spec, data }));
    }
    return new Chart(place, panels.map((panel) => panel.title), views);
  };

  // window.charts.NAME() draws the chart NAME if it is not drawn yet, and promises a Chart.
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
    let chart;
    window.charts[name] = () => {
      chart ??= draw(name, place);
      return chart;
    };
    near.observe(place);
  }
})();
