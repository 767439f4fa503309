// Package signin lets people sign in to admin's page: it keeps their sessions, and finds out who
// they are at an OpenID Connect provider such as Microsoft Entra ID.
//
// Model. A Provider sends a person away (Begin) and takes what the provider sends back with them
// (Finish): the authorization code flow with PKCE. Sessions know by a random token who has signed
// in. Neither knows HTTP but what the provider's flow needs: cookies and redirects are admin's.
//
// Guarantees. A session ends by its limits, by signing out and with the process, and Over tells
// streams that it has. A sign-in counts once, in the browser that began it. How many are kept is
// bounded.
package signin
