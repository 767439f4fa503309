// Package signin lets people sign in to admin's page: it keeps their sessions, and finds out who
// they are at an OpenID Connect provider such as Microsoft Entra ID.
//
// Model. A Provider says where to send a person (Begin) and takes what comes back with them
// (Finish): the authorization code flow with PKCE. Sessions know by a random token who has signed
// in. Cookies and redirects are left to admin.
//
// Guarantees. A session ends by its limits, by signing out and with the process, and Over tells
// streams that it has. A sign-in counts once, in the browser that began it. How many are kept is
// bounded.
package signin
