package catalogue_test

import (
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

func TestSecretsWithinTextsAreHiddenWhateverTheirForm(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"postgres://u:s3cret@h/db", "postgres://u:********@h/db"},
		{"http://u:s3cret@registry:8081,http://v:s3cret@other", "http://u:********@registry:8081,http://v:********@other"},
		{"jdbc:postgresql://h/db?user=u&password=s3cret", "jdbc:postgresql://h/db?user=u&password=********"},
		{"jdbc:postgresql://h/db?password=s3cret&user=u", "jdbc:postgresql://h/db?password=********&user=u"},
		{"jdbc:postgresql://h/db?user=u&sslpassword=s3cret&sslmode=require",
			"jdbc:postgresql://h/db?user=u&sslpassword=********&sslmode=require"},
		{"jdbc:sqlserver://h;user=u;password=s3cret;encrypt=true",
			"jdbc:sqlserver://h;user=u;password=********;encrypt=true"},
		{"jdbc:postgresql://h/db?PASSWORD=s3cret", "jdbc:postgresql://h/db?PASSWORD=********"},
		{"jdbc:postgresql://h/db?password=s3%26cret", "jdbc:postgresql://h/db?password=********"},
		{"jdbc:postgresql://h/db?password%3Ds3cret&user=u", "jdbc:postgresql://h/db?password%3D********&user=u"},
		{"jdbc:postgresql://h/db?options=-c%20app.token%3ds3cret", "jdbc:postgresql://h/db?options=-c%20app.token%3d********"},
		{"host=h user=u password=s3cret dbname=d", "host=h user=u password=******** dbname=d"},
		{"host=h password='s3 cret' dbname=d", "host=h password='********' dbname=d"},
		{`org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="s3cret";`,
			`org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="********";`},
		{`x required username="u" password="s3\"cret" ;`, `x required username="u" password="********" ;`},
		{`x required clientId="i" clientSecret='s3cret';`, `x required clientId="i" clientSecret='********';`},
		{"Data Source=https://c.kusto.windows.net;AAD Federated Security=True;Application Client Id=i;Application Key=s3cret;Authority Id=t", "Data Source=https://c.kusto.windows.net;AAD Federated Security=True;Application Client Id=i;Application Key=********;Authority Id=t"},
		{"Data Source=https://c;AppClientId=i;AppKey=s3cret~x;Authority Id=t",
			"Data Source=https://c;AppClientId=i;AppKey=********;Authority Id=t"},
		{"Data Source=https://c;UserToken=s3cret", "Data Source=https://c;UserToken=********"},
		{"Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=s3cret/+abc=;EntityPath=e",
			"Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=********;EntityPath=e"},
		{"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=s3cret==;EndpointSuffix=core.windows.net",
			"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=********;EndpointSuffix=core.windows.net"},
		{"https://a.blob.core.windows.net/c?sv=2024&sp=r&sig=s3cret%3D",
			"https://a.blob.core.windows.net/c?sv=2024&sp=r&sig=********"},
		{`{"user":"u","password":"s3cret"}`, `{"user":"u","password":"********"}`},
		{`{'api_key' : 's3cret', 'x': 1}`, `{'api_key' : '********', 'x': 1}`},
		{"schema.registry.basic.auth.user.info=u:s3cret", "schema.registry.basic.auth.user.info=********"},
		{"jdbc:postgresql://h/db?user=u&password=${file:/run/s:pw}",
			"jdbc:postgresql://h/db?user=u&password=${file:/run/s:pw}"},
		{`x required password="${env:PW}";`, `x required password="${env:PW}";`},
		{"postgres://u:${env:PW}@h/db", "postgres://u:${env:PW}@h/db"},
		{"jdbc:postgresql://h/db?password=${env:PW}s3cret", "jdbc:postgresql://h/db?password=********"},
		{"jdbc:postgresql://h/db?password=s3,c(r)e't&user=u", "jdbc:postgresql://h/db?password=********&user=u"},
		{`cannot parse "jdbc:postgresql://h/db?password=s3cret": invalid`,
			`cannot parse "jdbc:postgresql://h/db?password=********": invalid`},
		{"ALTER ROLE r PASSWORD 's3cret'", "ALTER ROLE r PASSWORD '********'"},
		{"create user u with password E's3''cret' login; SET app.token TO 's3cret'; SET app.secret = 's3cret'",
			"create user u with password E'********' login; SET app.token TO '********'; SET app.secret = '********'"},
		{"ALTER ROLE r PASSWORD '${env:PW}'", "ALTER ROLE r PASSWORD '${env:PW}'"},
		{"u:s3cret@h", "u:********@h"},
		{"u:s3cret@h1:9092,v:s3cret@h2:9092", "u:********@h1:9092,v:********@h2:9092"},
		{"lookup u:s3cret@h: no such host", "lookup u:********@h: no such host"},
		{"u:${env:PW}@h", "u:${env:PW}@h"},
		{"${env:USER}:s3cret@h", "${env:USER}:********@h"},
		{"postgres://${env:USER}:s3cret@h/db", "postgres://${env:USER}:********@h/db"},
		{"postgres://${env:USER}:${env:PW}@h/db", "postgres://${env:USER}:${env:PW}@h/db"},
		{"Authorization: Bearer s3cret.x-y_z", "Authorization: Bearer ********"},
		{"X-A:1,Authorization:Basic s3cret==,X-B:2", "X-A:1,Authorization:Basic ********,X-B:2"},
		{`{"authorization": "Bearer s3cret"}`, `{"authorization": "Bearer ********"}`},
		{"Proxy-Authorization=s3cret", "Proxy-Authorization=********"},
		{"Authorization: Bearer ${env:TOKEN}", "Authorization: Bearer ${env:TOKEN}"},
		{`{"Authorization":"s3cret"}`, `{"Authorization":"********"}`},
		{"authorization: the group is not allowed", "authorization: the group is not allowed"},
		{"authorization failed: role r may not", "authorization failed: role r may not"},
		{"jdbc:postgresql://h/db?user=u&pass=s3cret", "jdbc:postgresql://h/db?user=u&pass=********"},
		{"h/db?db_pass=s3cret&bypass=yes&compass=n", "h/db?db_pass=********&bypass=yes&compass=n"},
		{"h/db?pwd=s3cret", "h/db?pwd=********"},
		{"https://f.azurewebsites.net/api/x?code=s3cret&v=1", "https://f.azurewebsites.net/api/x?code=********&v=1"},
		{"https://h/api?v=1&key=s3cret", "https://h/api?v=1&key=********"},
		{"https://h/api?code=${env:CODE}", "https://h/api?code=${env:CODE}"},
		{"postgres://u:pa/s3cret@h/db", "postgres://u:********@h/db"},
		{"http://h:8081/a@b", "http://h:8081/a@b"},
		{"X-Auth: Bearer s3cret.a.b", "X-Auth: Bearer ********"},
		{"X-Vault-Token: s3cret, X-B: 2", "X-Vault-Token: ********, X-B: 2"},
		{"X-Api-Key:s3cret,Cookie: s3cret=1", "X-Api-Key:********,Cookie: ********"},
		{"Bearer authentication failed: the bearer token is missing", "Bearer authentication failed: the bearer token is missing"},
		{"exit code=3, key=5", "exit code=3, key=5"},
		{"unexpected token: x", "unexpected token: x"},
		{"broker:9092,me@h", "broker:9092,me@h"},
		{"(?:a@b|c)", "(?:a@b|c)"},
		{"line 1: unexpected token 'x'", "line 1: unexpected token 'x'"},
		{"SELECT password, 'x' FROM tokens WHERE kind = 'y'", "SELECT password, 'x' FROM tokens WHERE kind = 'y'"},
		{"public.password_resets,public.tokens", "public.password_resets,public.tokens"},
		{"jdbc:postgresql://h/db?user=u&tokenizer=simple", "jdbc:postgresql://h/db?user=u&tokenizer=simple"},
		{"jdbc:postgresql://h/db?password=", "jdbc:postgresql://h/db?password="},
	} {
		got := catalogue.MaskWithin(c.text)
		if got != c.want {
			t.Errorf("%s is shown as %s, want %s", c.text, got, c.want)
		}
		if strings.Contains(got, "s3") && !strings.Contains(c.want, "s3") {
			t.Errorf("%s is shown as %s", c.text, got)
		}
		if again := catalogue.MaskWithin(got); again != got {
			t.Errorf("%s is shown as %s when it is masked again", got, again)
		}
		if strings.Contains(c.text, "s3cret") && len(catalogue.SecretsWithin(c.text)) == 0 {
			t.Errorf("no secret is found in %s", c.text)
		}
	}
}

func TestAKeyLooksSecretHoweverItsWordsAreJoined(t *testing.T) {
	for name, want := range map[string]bool{
		"x.accessKey": true, "X.SharedAccessKey": true, "private_key": true, "private-key": true, "PrivateKey": true,
		"pwd": true, "db.pwd": true, "account.key": true, "api_key": true, "Api-Key": true, "connection-string": true,
		"http.headers.Authorization": true, "passcode": true, "client-secret": true, "auth_user_info": true,
		"registry.bearer": true, "db.pass": true, "db_pass": true, "pass": true, "listener.jaas.config": true,
		"http.header.Cookie": true, "x-vault-token": true, "bypass": false, "passive": false, "bearer.auth.scope": false,
		"signal.data.collection": false, "message.key.columns": false, "key.converter": false,
		"table.include.list": false, "partition.key": false,
	} {
		if got := catalogue.LooksSecret(name); got != want {
			t.Errorf("LooksSecret(%q) is %v", name, got)
		}
	}
}
