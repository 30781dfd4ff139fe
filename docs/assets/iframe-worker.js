// Search on pages that are opened from disk. A browser starts no worker there, so the worker's script runs in a
// hidden frame. mkdocs-material's offline plugin would load a script for this from another host; it leaves that out
// where the configuration names one called iframe-worker.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html>";
      this.scope = new Promise((resolve, reject) => {
        frame.addEventListener("load", () => {
          const scope = frame.contentWindow;
          scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          const script = scope.document.createElement("script");
          script.addEventListener("load", () => resolve(scope));
          script.addEventListener("error", reject);
          script.src = address;
          scope.document.head.append(script);
        });
      });
      document.body.append(frame);
    }

    async postMessage(data) {
      const scope = await this.scope;
      scope.dispatchEvent(new MessageEvent("message", { data }));
    }
  };
}
