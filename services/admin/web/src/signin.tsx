// Signing in, where admin asks who people are.

import { useState } from "preact/hooks";
import { call, Refused } from "./api.ts";
import { caller, learnCaller } from "./live.ts";

export function SignIn() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [failed, setFailed] = useState("");
  const { ways } = caller.value;
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await call("POST", "/ui/session", { name, password });
      setFailed("");
      await learnCaller();
    } catch (error) {
      setFailed(error instanceof Refused ? error.message : "Admin cannot be reached.");
    }
  };
  return (
    <section class="signin">
      <h1>Sign in</h1>
      {ways.includes("oidc") && <p><a class="button" href={`/ui/session/oidc?then=${encodeURIComponent(location.pathname + location.search)}`} target="_self">Sign in with your organization</a></p>}
      {ways.includes("password") &&
        <form onSubmit={submit}>
          <p><label>Name <input value={name} autocomplete="username" required onInput={(e) => setName(e.currentTarget.value)} /></label></p>
          <p><label>Password <input type="password" value={password} autocomplete="current-password" required onInput={(e) => setPassword(e.currentTarget.value)} /></label></p>
          <p><button type="submit" class="primary">Sign in</button></p>
        </form>}
      <div role="alert">{failed && <p class="trouble">{failed}</p>}</div>
    </section>
  );
}

export function SignOut() {
  const out = () => call("DELETE", "/ui/session").then(learnCaller, () => undefined);
  return <span class="note">{caller.value.name}, {caller.value.role} {caller.value.session && <button type="button" class="quiet" onClick={out}>Sign out</button>}</span>;
}
