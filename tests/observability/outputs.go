package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Names of the files.
const (
	plainFile    = "prometheus-rules.yaml"
	operatorFile = "prometheusrule.yaml"
	azureFile    = "azure-rule-groups.json"
)

const header = "# Generated from tests/observability/rules.go: make alerts. docs/alerts.md says what each alert means.\n"

// rule is an alert as Prometheus reads it.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

type ruleGroup struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

// annotations are the texts of an alert. The links' ends are the same everywhere.
func (a alert) annotations(to links) map[string]string {
	return map[string]string{"summary": a.summary, "description": a.description,
		"runbook_url": to.runbooks + "#" + strings.ToLower(a.name), "dashboard_url": to.pages + a.view}
}

// outputs are all files by their names.
func outputs(to links) (map[string][]byte, error) {
	var all []ruleGroup
	for _, g := range groups() {
		one := ruleGroup{Name: g.name}
		for _, a := range g.alerts {
			hold := ""
			if a.hold > 0 {
				hold = fmt.Sprintf("%dm", a.hold/time.Minute)
			}
			one.Rules = append(one.Rules, rule{a.name, a.expr, hold, map[string]string{"severity": string(a.severity)},
				a.annotations(to)})
		}
		all = append(all, one)
	}
	type object = map[string]any
	plain, err := asYAML(object{"groups": all})
	if err != nil {
		return nil, err
	}
	operator, err := asYAML(object{"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
		"metadata": object{"name": "calypso", "labels": object{"app.kubernetes.io/part-of": "calypso"}},
		"spec":     object{"groups": all}})
	if err != nil {
		return nil, err
	}
	azure, err := azureTemplate(to)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{plainFile: plain, operatorFile: operator, azureFile: azure}, nil
}

func asYAML(v any) ([]byte, error) {
	out := bytes.NewBufferString(header)
	encoder := yaml.NewEncoder(out)
	encoder.SetIndent(2)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the rules as YAML: %w", err)
	}
	return out.Bytes(), encoder.Close()
}

// azureSeverity is the number that Azure shows, from 0 (critical) to 4 (verbose).
var azureSeverity = map[severity]int{page: 1, ticket: 3, info: 4, none: 4}

// azureTemplate is an ARM template of a rule group for each group.
func azureTemplate(to links) ([]byte, error) {
	type object = map[string]any
	text := func(description string) object {
		return object{"type": "string", "metadata": object{"description": description}}
	}
	optional := func(description, value string) object {
		p := text(description)
		p["defaultValue"] = value
		return p
	}
	var resources []any
	for _, g := range groups() {
		var rules []any
		for _, a := range g.alerts {
			// Azure has no receiver that raises an alarm when an alert stops.
			r := object{"alert": a.name, "expression": a.expr, "severity": azureSeverity[a.severity],
				"enabled": a.severity != none, "labels": object{"severity": string(a.severity)},
				"annotations": a.annotations(to), "resolveConfiguration": object{"autoResolved": true, "timeToResolve": "PT10M"},
				"actions": "[variables('actions')]"}
			if a.hold > 0 {
				r["for"] = fmt.Sprintf("PT%dM", a.hold/time.Minute)
			}
			rules = append(rules, r)
		}
		resources = append(resources, object{"type": "Microsoft.AlertsManagement/prometheusRuleGroups",
			"apiVersion": "2023-03-01", "name": g.name, "location": "[parameters('location')]",
			"properties": object{"description": "Calypso, generated from tests/observability/rules.go", "enabled": true,
				"interval": "PT1M", "scopes": []string{"[parameters('azureMonitorWorkspace')]"},
				"clusterName": "[if(empty(parameters('clusterName')), null(), parameters('clusterName'))]", "rules": rules}})
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(object{
		"$schema":        "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		"contentVersion": "1.0.0.0",
		"parameters": object{
			"location":              optional("Where the rule groups are kept.", "[resourceGroup().location]"),
			"azureMonitorWorkspace": text("Resource id of the Azure Monitor workspace that has the metrics."),
			"clusterName":           optional("The cluster whose metrics count; empty for all of the workspace.", ""),
			"actionGroup":           optional("Resource id of the action group to call; empty for none.", ""),
		},
		"variables": object{"actions": "[if(empty(parameters('actionGroup')), createArray(), " +
			"createArray(createObject('actionGroupId', parameters('actionGroup'))))]"},
		"resources": resources,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the rules as JSON: %w", err)
	}
	return out.Bytes(), nil
}
