package engine_test

import "testing"

// The right values are those of the examples of Microsoft's documentation.
func TestExamplesOfTheDocumentationGiveWhatItShows(t *testing.T) {
	h := newHarness(t)
	const events = `let EventsTable1 = view () { datatable(Session_Id:string, Level:string, EventText:string, Version:string)[
		'acbd', 'Information', 'Some Text1', 'v1.0.0', 'acbd', 'Error', 'Some Text2', 'v1.0.0',
		'28b8', 'Error', 'Some Text3', 'v1.0.1', '8f05', 'Information', 'Some Text4', 'v1.1.0'] };
	let EventsTable2 = view () { datatable(Session_Id:string, Level:string, EventText:string, EventName:string)[
		'f7d5', 'Information', 'Some Other Text1', 'Event1', 'acbd', 'Information', 'Some Other Text2', 'Event2',
		'acbd', 'Error', 'Some Other Text3', 'Event3', '15ea', 'Error', 'Some Other Text4', 'Event4'] };
	`
	h.expect(t, []queryCase{
		{events + `find in (EventsTable1, EventsTable2) where Session_Id == 'acbd'`,
			`[["EventsTable1","acbd","Information","Some Text1",{"Version":"v1.0.0"}],["EventsTable1","acbd","Error","Some Text2",{"Version":"v1.0.0"}],
			["EventsTable2","acbd","Information","Some Other Text2",{"EventName":"Event2"}],["EventsTable2","acbd","Error","Some Other Text3",{"EventName":"Event3"}]]`},
		{events + `find in (EventsTable1, EventsTable2) where Session_Id == 'acbd' and Level == 'Error' project-smart | project source_, pack_`,
			`[["EventsTable1",{"Version":"v1.0.0"}],["EventsTable2",{"EventName":"Event3"}]]`},
		{events + `find in (EventsTable1, EventsTable2) where Version == 'v1.0.1' project pack_all()`,
			`[["EventsTable1",{"Session_Id":"28b8","Level":"Error","EventText":"Some Text3","Version":"v1.0.1"}]]`},
		{events + `find in (EventsTable1, EventsTable2) where Version == 'v1.0.0' or EventName == 'Event1' project Session_Id, EventText, Version, EventName`,
			`[["EventsTable1","acbd","Some Text1","v1.0.0",""],["EventsTable1","acbd","Some Text2","v1.0.0",""],["EventsTable2","f7d5","Some Other Text1","","Event1"]]`},
		{events + `find in (EventsTable1, EventsTable2) where Session_Id == 'acbd' and Level == 'Error' project EventText, Version, EventName, pack_all()`,
			`[["EventsTable1","Some Text2","v1.0.0","",{"Session_Id":"acbd","Level":"Error"}],
			["EventsTable2","Some Other Text3","","Event3",{"Session_Id":"acbd","Level":"Error"}]]`},
		{`range x from 1 to 1000 step 1 | summarize t_x = tdigest(x) | project rank_tdigest(t_x, 685), percentrank_tdigest(t_x, 250)`,
			`[[685,25]]`},
		{`range x from 1 to 100 step 1 | extend isEven = (x % 2 == 0), isMod3 = (x % 3 == 0), isMod5 = (x % 5 == 0)
			| summarize hll_even = hll(iif(isEven, x, 0), 2), hll_mod3 = hll(iif(isMod3, x, 0), 2), hll_mod5 = hll(iif(isMod5, x, 0), 2)
			| evaluate dcount_intersect(hll_even, hll_mod3, hll_mod5)
			| project evenNumbers = s0 - 1, even_and_mod3 = s1 - 1, even_and_mod3_and_mod5 = s2 - 1`, `[[50,16,3]]`},
		{`print y = dynamic([2, 5, 6, 8, 11, 15, 17, 18, 25, 26, 30, 30]) | extend (rsquare, coefficients, variance, rvariance) = series_fit_poly(y) | project round(rsquare, 3), round(todouble(coefficients[0]), 3), round(todouble(coefficients[1]), 3), round(variance, 3), round(rvariance, 3)`,
			`[[0.983,2.731,-1.667,98.629,1.686]]`},
		{`print y = dynamic([3, 0, 1, 4]) | extend (r, c) = series_fit_poly(y, dynamic([1, 0, -1, 2]), 2)
			| mv-apply c to typeof(real) on (summarize c = make_list(round(c, 9))) | project round(r, 9), c`, `[[0.82,[0.5,0.7,0.9]]]`},
		{`print y = dynamic([1, 2, 3, 4]) | extend (re, im) = series_fft(y) | extend (back) = series_ifft(re, im) | project re[0], round(todouble(im[1]), 9), back`,
			`[[10,2,[1,2,3,4]]]`},
		{`datatable(EventType:string, Damage:long)['Flood', 3, 'Hail', 1, 'Flood', 4] | top-hitters 1 of EventType by Damage
			| project approximate_sum_Damage`, `[[7]]`},
		{`print True, TRUE, False, FALSE`, `[[true,true,false,false]]`},
		{events + `find in (EventsTable*) where "text4" | project source_, Session_Id`,
			`[["EventsTable1","8f05"],["EventsTable2","15ea"]]`},
		{events + `find in (EventsTable1) where * has "text4" project EventText`, `[["EventsTable1","Some Text4"]]`},
		{events + `find in (EventsTable1) where Version == 'v1.1.0'`,
			`[["EventsTable1","8f05","Information","Some Text4","v1.1.0"]]`},
		{`print str = 'name=John Doe phone=555 5555 city=New York' | parse-kv str as (name:string, phone:string, city:string) with (pair_delimiter=' ', kv_delimiter='=', greedy=true) | project-away str`,
			`[["John Doe","555 5555","New York"]]`},
		{`print str = 'name=John Doe phone=555 5555 city=New York' | parse-kv str as (name:string, phone:string, city:string) with (pair_delimiter=' ', kv_delimiter='=') | project-away str`,
			`[["John","555","New"]]`},
		{`print str = 'ThreadId:458745723, Machine:Node001, Text: The service is up, Level: Info' | parse-kv str as (Text:string, ThreadId:long, Machine:string) with (pair_delimiter=',', kv_delimiter=':') | project-away str`,
			`[["The service is up",458745723,"Node001"]]`},
		{`print str = 'bytes=125 failure="the remote host sent \\"bye!\\"" time=2021-01-01T10:00:54' | parse-kv str as (time:datetime, bytes:long, failure:string) with (pair_delimiter=' ', kv_delimiter='=', quote='"', escape='\\') | project-away str`,
			`[["2021-01-01T10:00:54Z",125,"the remote host sent \"bye!\""]]`},
		{`print str = 'src=10.1.1.123 failure=(connection aborted) "event time"=(2021-01-01 10:00:54)' | parse-kv str as (['event time']:datetime, src:string, failure:string) with (pair_delimiter=' ', kv_delimiter='=', quote='()', quote='"') | project-away str`,
			`[["2021-01-01T10:00:54Z","10.1.1.123","connection aborted"]]`},
		{`print str = @'["referer url: https://hostname.com/redirect?dest=/?h=1234", "request url: https://hostname.com/?h=1234", "advertiser id: 24fefbca-cf27-4d62-a623-249c2ad30c73"]' | parse-kv str as (['referer url']:string, ['request url']:string, ['advertiser id']:guid) with (regex=@'"([\w ]+)\s*:\s*([^"]*)"') | project-away str`,
			`[["https://hostname.com/redirect?dest=/?h=1234","https://hostname.com/?h=1234","24fefbca-cf27-4d62-a623-249c2ad30c73"]]`},
		{`print y = dynamic([2, 5, 6, 8, 11, 15, 17, 18, 25, 26, 30, 30]) | extend (rsquare, slope, variance, rvariance, interception) = series_fit_line(y) | project round(rsquare, 3), round(slope, 3), round(variance, 3), round(rvariance, 3), round(interception, 3)`,
			`[[0.983,2.731,98.629,1.686,-1.667]]`},
		{`print series_fir(dynamic([1, 2, 3]), dynamic([1, -1]), true), series_fir(dynamic([1, 2, 3]), dynamic([1, -1]))`,
			`[[null,[1,1,1]]]`},
		{`print extractjson('$.a.b', '{"a":{"b":7}}', typeof(long)), extract_json('$.a.b', '{"a":{"b":7}}')`, `[[7,"7"]]`},
	})
}
