"""The medicines, conditions and allergies that several of the invented patients share."""

from __future__ import annotations

from typing import Final

from smartcdr.demo.stories import Allergy

METFORMIN: Final = ("6809", "metformin", "500 mg by mouth twice a day with meals")
LISINOPRIL: Final = ("29046", "lisinopril", "10 mg by mouth once a day")
LOSARTAN: Final = ("52175", "losartan", "50 mg by mouth once a day")
AMLODIPINE: Final = ("17767", "amlodipine", "5 mg by mouth once a day")
ATORVASTATIN: Final = ("83367", "atorvastatin", "20 mg by mouth in the evening")
ROSUVASTATIN: Final = ("301542", "rosuvastatin", "10 mg by mouth in the evening")
LEVOTHYROXINE: Final = ("10582", "levothyroxine", "75 micrograms by mouth before breakfast")
ALBUTEROL: Final = ("435", "albuterol", "2 puffs when short of breath")

DIABETES: Final = ("44054006", "Type 2 diabetes mellitus")
HYPERTENSION: Final = ("38341003", "Hypertensive disorder")
HYPERLIPIDEMIA: Final = ("55822004", "Hyperlipidemia")
ASTHMA: Final = ("195967001", "Asthma")
HYPOTHYROIDISM: Final = ("40930008", "Hypothyroidism")
PREDIABETES: Final = ("714628002", "Prediabetes")

PENICILLIN: Final = Allergy("91936005", "Allergy to penicillin", "126485001", "Urticaria", "high")
PEANUT: Final = Allergy("91935009", "Allergy to peanut", "39579001", "Anaphylaxis", "high")
POLLEN: Final = Allergy("300910009", "Allergy to pollen", "70076002", "Rhinitis")
