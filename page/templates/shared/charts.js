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
